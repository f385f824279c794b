"$BUILD"/tests/scenarios signals
