#!/bin/sh
# `pluginctl conform`: what conforms is told so, and of what breaks one rule
# exactly that one is named.
#
# usage: test_conform.sh SOURCE_DIR PLUGINCTL EXAMPLES_DIR MODULES_DIR \
#            yes|no (whether to try what does not)

src=$1
pluginctl=$2
examples=$3
modules=$4
misfits=$5
# shellcheck source=tests/rig.sh
. "$(dirname "$0")/../rig.sh"

misfit=$src/tests/stubs/misfit.py
fit=$src/tests/stubs/fit.py
plain=$src/sdk/examples/plain.py
python=/usr/bin/python3
MISFIT_FACTOR=$((2 * ${PLUGIND_TEST_FACTOR:-1})) # others work, too
export MISFIT_FACTOR
timeout_s=$((3 * MISFIT_FACTOR))
jobs=6 # they wait most of the time

conform() {
	"$pluginctl" conform --timeout "${timeout_s}s" "$@" \
		>"$dir/out" 2>"$dir/err" </dev/null
}

# Nothing that it made is there any more.
clean() {
	[ -z "$(find "$TMPDIR" -mindepth 1 -print -quit)" ]
}

mkdir "$dir/tmp"
TMPDIR=$dir/tmp
export TMPDIR

exits 2 conform
ok 'it needs a program'
exits 2 conform --settings x true
ok 'settings have values'
exits 2 conform --timeout 1ms true
ok 'some time is needed'
exits 2 conform x.so y
ok 'a module takes no arguments'
exits 1 conform "$dir/none" && grep -q '^Bail out! .*none cannot' "$dir/out"
ok 'a program that is not there'
exits 1 conform --timeout 200ms -- sh -c 'echo "what \033[1m is it" >&2' &&
	grep -q '^# output: what .x1b\[1m is it' "$dir/out" &&
	grep -q 'exited with status 0' "$dir/out" &&
	[ "$(grep -c '^not ok' "$dir/out")" -eq \
		"$(sed -n 's/^1\.\.//p' "$dir/out")" ]
ok 'a program that is no plugin; what it says is escaped'
exits 1 conform --timeout 200ms -- sh -c 'yes & exec sleep 1000' &&
	[ "$(grep -c '^# output: y$' "$dir/out")" -le 100 ]
ok 'one that writes without end is cut short'
clean
ok 'nothing is left behind'

conform "$examples/hello"
ok 'hello conforms'
conform --settings port=0 "$examples/echo"
ok 'echo conforms'
conform --settings port=0 "$examples/echo.so"
ok 'echo conforms as a module'
conform --settings 'listen=[custom.>+plugin.*],say=custom.x,count=3' \
	"$modules/busmod.so" && ! grep '^ok.*event.*SKIP' "$dir/out"
ok 'a module with events conforms'
conform --settings offer=true "$modules/callmod.so" &&
	! grep '^ok.*call.*SKIP' "$dir/out"
ok 'a module with methods conforms'

! timeout --signal=INT 1 "$pluginctl" conform "$examples/hello" \
	>"$dir/out" 2>"$dir/err" && grep -q '^Bail out! interrupted' "$dir/out" && clean
ok 'it can be interrupted'

conform --settings 'subscribe=custom.*.>,publish=custom.x,method=give' \
	"$python" "$fit" && grep -q ' 0 broken, 0 skipped$' "$dir/out"
ok 'what fits conforms, and no rule is skipped'
conform --settings 'listen=[custom.>],every=1' "$python" "$plain" &&
	! grep '^ok.*\(event\|call\).*SKIP' "$dir/out"
ok 'the plugin in plain Python conforms'

# try_misfit NAME SETTINGS: into a file, since several run at a time
try_misfit() {
	"$pluginctl" conform --timeout "${timeout_s}s" --settings "$2" -- \
		"$python" "$misfit" "$1" >"$dir/misfit.$1" 2>&1
}

# broken NAME RULES: exactly those; see misfit.py for how they are written
broken() {
	total=$(sed -n 's/^1\.\.//p' "$dir/misfit.$1")
	grep '^not ok' "$dir/misfit.$1" | sed 's/$/\//' >"$dir/out"
	grep -q "^ok $total \|^not ok $total " "$dir/misfit.$1" || return 1
	case $2 in
	-) [ ! -s "$dir/out" ]; return ;;
	'*') [ "$(wc -l <"$dir/out")" -eq "$total" ]; return ;;
	esac
	echo "$2" | tr '|' '\n' >"$dir/err"
	[ "$(wc -l <"$dir/out")" -eq "$(wc -l <"$dir/err")" ] || return 1
	while read -r words; do
		grep -q -F -e "$words" "$dir/out" || return 1
	done <"$dir/err"
}

: >"$dir/list"
if [ "$misfits" = yes ] && [ "$PLUGIND_TEST_LEVEL" = long ]; then
	"$python" "$misfit" --list >"$dir/list"
fi
tab=$(printf '\t')
# Each job takes its share of the list.
job=0
while [ "$job" -lt "$jobs" ]; do
	awk "NR % $jobs == $job" "$dir/list" |
		while IFS=$tab read -r name settings _; do
			try_misfit "$name" "${settings#-}" </dev/null
		done &
	job=$((job + 1))
done
wait
while IFS=$tab read -r name _ rules; do
	broken "$name" "$rules"
	ok "$name breaks: ${rules%/}"
done <"$dir/list"
clean
ok 'nothing is left behind by misfits'
echo "1..$count"
