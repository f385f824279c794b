#!/bin/sh
# exports.sh LIBOSIM.SO LIBOSIM.A: both export osim_* and nothing else, and the same of it.
set -eu
shared=$(nm -D --defined-only --format=posix "$1" | awk '{print $1}' | sort)
archive=$(nm --defined-only --extern-only --format=posix "$2" | awk 'NF > 1 {print $1}' | sort)
strangers=$(printf '%s\n%s\n' "$shared" "$archive" | grep -v '^osim_' || true)
if [ -n "$strangers" ]; then
	echo "exported, but not osim_*:"
	echo "$strangers"
	exit 1
fi
[ -n "$shared" ] || { echo "nothing is exported"; exit 1; }
if [ "$shared" != "$archive" ]; then
	echo "the shared library and the archive export different names:"
	printf '%s\n' "$shared" >/tmp/exports.$$
	printf '%s\n' "$archive" | diff /tmp/exports.$$ - || true
	rm -f /tmp/exports.$$
	exit 1
fi
echo "$(echo "$shared" | wc -l) names, all osim_*"
