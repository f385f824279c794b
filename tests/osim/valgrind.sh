#!/bin/sh
# SPDX-License-Identifier: MIT
# valgrind.sh VALGRIND SCENARIOS	small scenarios under memcheck: no error, and the digest that they have without it.
set -u
bad=0
for name in boot pipe signals tour; do
	plain=$("$2" "$name") || bad=1
	checked=$("$1" -q --error-exitcode=9 "$2" "$name") || { echo "$name: memcheck complains" >&2; bad=1; }
	[ "$plain" = "$checked" ] || { echo "$name: $checked under valgrind, $plain without" >&2; bad=1; }
done
exit $bad
