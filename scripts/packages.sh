# SPDX-License-Identifier: MIT
# Sourced: need_packages PACKAGE... installs what is missing on a Debian machine; elsewhere it only says what is missing.

# shellcheck disable=SC2034 # used by those who source this
BUILD_PACKAGES="gcc g++ libc6-dev binutils cmake ninja-build pkg-config python3 libuv1-dev libxxhash-dev libzydis-dev libjson-c-dev libcmocka-dev"

need_packages() {
	command -v dpkg-query >/dev/null || {
		echo "not a Debian machine: make sure of $*" >&2
		return 0
	}
	missing=
	for package in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	echo "installing:$missing" >&2
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	# shellcheck disable=SC2086
	$sudo apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >&2
}

# launcher: the ccache option for cmake when there is one.
launcher() {
	if command -v ccache >/dev/null; then
		echo "-DCMAKE_C_COMPILER_LAUNCHER=ccache"
	fi
}

jobs() {
	nproc 2>/dev/null || echo 2
}
