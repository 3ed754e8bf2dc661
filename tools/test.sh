#!/bin/bash
# Builds the project and runs its tests; the last line counts them all.
#
# usage: tools/test.sh [quick|default|long] [--check]
#   quick    one plain build: unit tests, replayed fuzz corpora, and the
#            integration tests that are quick
#   default  a plain build with gcc, one with the address and undefined
#            behaviour sanitizers, one with clang; every test, also under a
#            real systemd (as root); what has threads with the thread
#            sanitizer; each fuzz target for 15 seconds
#   long     the same with many more rounds, fuzz targets for 5 minutes
#   --check  tools/check.sh too, its results counted like tests
#
# Tests read PLUGIND_TEST_LEVEL, which is the level. With CI=true a skipped
# test is a failure.

set -uo pipefail
# The distribution's own programs, which are those that install.sh brings.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
cd "$(dirname "$(readlink -f "$0")")/.." || exit 1
level=default
with_check=
jobs=2
results=()
points=build-test/steps.tap

usage() {
	sed -n '/^# usage/,/^$/s/^# \{0,1\}//p' "$0"
}

for arg in "$@"; do
	case $arg in
	quick | default | long) level=$arg ;;
	--check) with_check=yes ;;
	-h | --help)
		usage
		exit
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
done
export PLUGIND_TEST_LEVEL=$level

# A step that meson does not know of counts as one test.
step() {
	local name=$1 log
	shift
	log=$(mktemp)
	if "$@" >"$log" 2>&1 </dev/null; then
		echo "ok - $name" | tee -a "$points"
	else
		echo "not ok - $name" | tee -a "$points"
		tail -n 100 "$log" | sed 's/^/| /'
	fi
	rm -f "$log"
}

# build NAME COMPILER [MESON OPTION...]: in build-test/NAME. A build that
# fails ends everything, since nothing else would be true of this source.
build() {
	local name=$1 dir=build-test/$1
	configure "$@"
	ninja -C "$dir" -j"$jobs" --quiet || no_build "$name"
	echo "ok - build $name" >>"$points"
}

configure() {
	local name=$1 compiler=$2 dir=build-test/$1
	shift 2
	echo "== build $name"
	if [ ! -f "$dir/build.ninja" ]; then
		rm -rf "$dir"
		CC=$compiler meson setup "$dir" -Dtests=enabled "$@" \
			>build-test/setup.log 2>&1 || {
			cat build-test/setup.log
			no_build "$name"
		}
	fi
}

no_build() {
	echo "FAILED: the build $1"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
}

# run_tests NAME MESON-TEST-OPTION...
run_tests() {
	local name=$1
	shift
	echo "== test $name"
	rm -f "build-test/$name/meson-logs/testlog.json"
	meson test -C "build-test/$name" --no-rebuild --num-processes "$jobs" \
		--no-suite systemd "$@" </dev/null
	results+=("$name=build-test/$name/meson-logs/testlog.json")
}

# Real systemd: its tests are in a log of their own, since they need packages
# that the others do not and an installable build.
run_systemd() {
	echo "== test systemd"
	meson test -C build-test/gcc --no-rebuild --suite systemd \
		--logbase systemd --num-processes 1 </dev/null
	results+=("gcc=build-test/gcc/meson-logs/systemd.json")
}

# run_tsan LEVEL MESON-TEST-OPTION...: races. Only what has threads, or talks to
# what has; meson builds what these tests need. Where the addresses of a process
# are more random than the thread sanitizer can bear, they are made not random.
run_tsan() {
	local rounds=$1 dir=build-test/tsan fixed=()
	shift
	configure tsan gcc -Db_sanitize=thread
	echo "== test tsan"
	rm -rf "$dir/meson-logs/testlog.json" "$dir"/tsan-reports/*
	setarch -R true 2>/dev/null && fixed=(setarch -R)
	PLUGIND_TEST_LEVEL=$rounds "${fixed[@]}" \
		meson test -C "$dir" --num-processes "$jobs" "$@" \
		tsan sock sockagain sockpipe sockthread link router routerlink \
		sdk_calls sdk_command sdk_config sdk_connect sdk_plugin mock \
		pluginhost managed bus calls lossless </dev/null
	results+=("tsan=$dir/meson-logs/testlog.json")
	step "no race was reported" no_reports "$dir/tsan-reports"
}

# shellcheck disable=SC2317 # called through step
no_reports() {
	# Also of processes whose death is made good, and fails no test.
	grep -r '' "$1"
	[ -d "$1" ] && [ -z "$(ls -A "$1")" ]
}

fuzz() {
	local target
	echo "== fuzz, $1 s each"
	export FUZZ_DIR=$PWD/build-test/fuzz
	for target in tests/fuzz/fuzz_*.c; do
		target=${target#tests/fuzz/fuzz_}
		target=${target%.c}
		step "fuzz $target" tools/fuzz.sh "$target" --seconds "$1"
	done
}

check() {
	echo "== check"
	if ! tools/check.sh full | tee build-test/check.log &&
		! grep -q '^not ok ' build-test/check.log; then
		echo "not ok - check.sh came to its end" >>"$points"
	fi
	grep -E '^(not )?ok ' build-test/check.log >>"$points"
}

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}

mkdir -p build-test
: >"$points"
if [ "$level" = quick ]; then
	tools/install.sh build test || exit 1
	build gcc gcc
	run_tests gcc --no-suite slow
else
	multiplier=1
	fuzz_seconds=15
	tsan_rounds=quick
	if [ "$level" = long ]; then
		multiplier=30
		fuzz_seconds=300
		tsan_rounds=default
	fi
	tools/install.sh build test clang systemd-test || exit 1
	build gcc gcc
	build clang clang
	build asan gcc -Db_sanitize=address,undefined
	run_tests gcc --timeout-multiplier "$multiplier"
	run_systemd
	# The same tests take longer there.
	run_tests asan --timeout-multiplier $((multiplier * 3))
	run_tsan "$tsan_rounds" --timeout-multiplier $((multiplier * 3))
	fuzz "$fuzz_seconds"
fi
if [ -n "$with_check" ]; then
	check
fi
python3 tools/testlog.py --tap "$points" "${results[@]}"
