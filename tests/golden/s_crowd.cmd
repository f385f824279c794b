"$BUILD"/tests/scenarios crowd
