#!/bin/sh
# test_template.sh: a copy of sdk/template builds and passes its tests outside
# of this repository, with pkg-config alone.
#
# usage: test_template.sh TEMPLATE BUILD_ROOT PLUGINHOST

set -u
template=$1
build=$2
host=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
count=0

# The libraries are where they were built.
export PKG_CONFIG_PATH="$build/meson-uninstalled"
export LD_LIBRARY_PATH="$build/sdk:$build/sdk/mock"

check() {
	count=$((count + 1))
	if "$@" >"$dir/log" 2>&1; then
		echo "ok $count - template: $*"
	else
		echo "not ok $count - template: $*"
		sed 's/^/# /' "$dir/log"
	fi
}

says() {
	want=$1
	shift
	got=$("$@") && [ "$got" = "$want" ]
}

cp "$template"/* "$dir"
cd "$dir" || exit 1
check make CC="${CC:-cc}" CFLAGS=-Werror
check make CC="${CC:-cc}" CFLAGS=-Werror check
check says 'template 0.1 (plugin ABI 1)' ./template --version
check says 'template 0.1 (plugin ABI 1)' "$host" ./template.so --version
echo "1..$count"
