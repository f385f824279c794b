#!/bin/sh
# SPDX-License-Identifier: MIT
# side_by_side.sh SCENARIOS	every scenario gives one digest: alone, twice, 4 machines interleaved in one thread, on 4 threads, with ASLR off.
set -u
bin=$1
bad=0
for name in $("$bin" --list); do
	alone=$("$bin" "$name") || bad=1
	for how in "$name" "$name 4" "--threads $name 4"; do
		# shellcheck disable=SC2086
		got=$("$bin" $how) || bad=1
		[ "$got" = "$alone" ] || { echo "$how: $got, alone: $alone" >&2; bad=1; }
	done
	if setarch -R true 2>/dev/null; then
		got=$(setarch -R "$bin" "$name") || bad=1
		[ "$got" = "$alone" ] || { echo "$name without ASLR: $got, with: $alone" >&2; bad=1; }
	fi
done
exit $bad
