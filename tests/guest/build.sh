#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/guest/build.sh [OUT_DIR]	assemble every guest program and write its image as a C array: NAME.h beside NAME.S, or in OUT_DIR.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for src in "$here"/*.S; do
	name=$(basename "$src" .S)
	gcc -c -x assembler "$src" -o "$tmp/$name.o"
	ld -static -s --build-id=none -z noseparate-code -z noexecstack -o "$tmp/$name" "$tmp/$name.o"
	objcopy --strip-section-headers "$tmp/$name" 2>/dev/null || true
	{
		echo "/* SPDX-License-Identifier: MIT */"
		echo "/* The image of $name.S, made by build.sh. */"
		echo "static const unsigned char guest_$name[] = {"
		od -An -v -tu1 -w24 "$tmp/$name" | sed 's/^ */\t/; s/  */, /g; s/$/,/'
		echo "};"
	} >"$out/$name.h"
done
