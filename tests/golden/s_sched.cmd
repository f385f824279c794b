"$BUILD"/tests/scenarios sched
