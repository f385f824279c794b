"$BUILD"/tests/scenarios pipe
