"$BUILD"/tests/scenarios boot
