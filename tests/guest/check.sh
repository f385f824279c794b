#!/bin/sh
# SPDX-License-Identifier: MIT
# The committed images are those of their sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$here"/build.sh "$tmp"
for f in "$here"/*.h; do
	cmp "$f" "$tmp/$(basename "$f")"
done
