"$BUILD"/tests/scenarios tour
