#!/bin/sh
# fuzz.sh: builds one fuzz target with clang into build-fuzz and runs it.
#
#   tools/fuzz.sh TARGET [RUNS | --seconds N]
#   tools/fuzz.sh TARGET --merge
#
# TARGET is a file tests/fuzz/fuzz_TARGET.c. New inputs and crashes go to
# $FUZZ_DIR (default /tmp/plugind-fuzz), never into the repository; --merge
# adds those to the seeds that reach something new.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
usage="usage: tools/fuzz.sh TARGET [RUNS | --seconds N | --merge]"
target=${1:?$usage}
seeds=$root/tests/fuzz/corpus/$target
build=$root/build-fuzz
work=${FUZZ_DIR:-/tmp/plugind-fuzz}/$target

if [ ! -f "$root/tests/fuzz/fuzz_$target.c" ]; then
	echo "fuzz.sh: no target '$target'; there are:" >&2
	for file in "$root"/tests/fuzz/fuzz_*.c; do
		basename "$file" .c | sed 's/^fuzz_/  /' >&2
	done
	exit 2
fi

case ${2:-} in
'') limit=-runs=10000000 ;;
--merge) limit= ;;
--seconds) limit=-max_total_time=${3:?$usage} ;;
*[!0-9]*)
	echo "$usage" >&2
	exit 2
	;;
*) limit=-runs=$2 ;;
esac

case $target in
cron) max_len=256 ;;
sp) max_len=512 ;;
escape_units) max_len=256 ;;
*) max_len=4096 ;;
esac

if [ ! -f "$build/build.ninja" ]; then
	CC=clang meson setup "$build" "$root" -Dfuzzers=true \
		-Dbuildtype=debugoptimized -Db_lundef=false \
		-Db_sanitize=address,undefined \
		-Dc_args=-fsanitize=fuzzer-no-link,address,undefined
fi
ninja -C "$build" -j2 "tests/fuzz/fuzz_$target"
mkdir -p "$work/corpus" "$seeds"

if [ -z "$limit" ]; then
	exec "$build/tests/fuzz/fuzz_$target" -merge=1 -max_len="$max_len" \
		-artifact_prefix="$work/" "$seeds" "$work/corpus"
fi

set -- "$limit" -max_len="$max_len" -rss_limit_mb=512 -timeout=10 \
	-print_final_stats=1 -artifact_prefix="$work/"
if [ -f "$root/tests/fuzz/$target.dict" ]; then
	set -- "$@" -dict="$root/tests/fuzz/$target.dict"
fi
# Half of the time would go into pages that are given back and taken again.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1}:quarantine_size_mb=4:\
allocator_release_to_os_interval_ms=-1:max_malloc_fill_size=0"
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
exec "$build/tests/fuzz/fuzz_$target" "$@" "$work/corpus" "$seeds"
