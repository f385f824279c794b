# The demo's command line on the host's busybox: compared between runs and builds, without a golden digest.
"$OSIM" run --cpus 2 --digest -- /bin/busybox sh -c 'i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; echo $i | tr 0 o | wc -c; ls -l /proc/self/maps; cat /proc/meminfo | head -3'
