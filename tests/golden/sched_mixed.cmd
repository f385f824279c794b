# Mixed nice levels and a periodic task on two CPUs.
"$OSIM" sched --cpus 2 --digest examples/mixed.json
