"$BUILD"/tests/scenarios cow
