#!/bin/sh
# install.sh SOURCE BUILD CC: install BUILD to a scratch prefix and use it from outside, through CMake and through pkg-config.
set -eu
source=$1 build=$2 cc=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --prefix "$scratch/usr" >"$scratch/log" || { cat "$scratch/log"; exit 1; }

cmake -S "$source/examples" -B "$scratch/examples" -G Ninja -DCMAKE_C_COMPILER="$cc" \
	-DCMAKE_PREFIX_PATH="$scratch/usr" >"$scratch/log" || { cat "$scratch/log"; exit 1; }
cmake --build "$scratch/examples" >"$scratch/log" || { cat "$scratch/log"; exit 1; }
"$scratch/examples/pipe" >"$scratch/shared.out"
"$scratch/examples/pipe_static" >"$scratch/static.out"
cat "$scratch/shared.out"
cmp "$scratch/shared.out" "$scratch/static.out"

# The .pc file names the prefix it was configured for; the scratch one stands in for it here.
pc=$(find "$scratch/usr" -name osim.pc)
export PKG_CONFIG_PATH="${pc%/*}"
flags=$(pkg-config --define-variable=prefix="$scratch/usr" --cflags --libs osim)
libdir=$(pkg-config --define-variable=prefix="$scratch/usr" --variable=libdir osim)
# shellcheck disable=SC2086
"$cc" -std=c11 -o "$scratch/pipe_pc" "$source/examples/pipe.c" $flags -Wl,-rpath,"$libdir"
"$scratch/pipe_pc" >"$scratch/pc.out"
cmp "$scratch/shared.out" "$scratch/pc.out"
