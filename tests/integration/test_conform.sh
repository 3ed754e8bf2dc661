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
MISFIT_FACTOR=$((1 + ${PLUGIND_TEST_FACTOR:-1})) # others work, too
export MISFIT_FACTOR
timeout_s=$((3 * MISFIT_FACTOR))
busy='{"subscribe": "custom.*.>", "publish": "custom.x", "method": "give"}'
jobs=8 # misfits at a time

# begin NAME ARG...: tries something beside the others; see ended.
begin() {
	name=$1
	shift
	{
		"$pluginctl" conform --timeout "${timeout_s}s" "$@" \
			>"$dir/all.$name" 2>"$dir/err.$name" </dev/null
		echo $? >"$dir/code.$name"
	} &
}

# ended NAME: whether it conforms. What tells why it does not, or why a rule was
# skipped, is in $dir/out, which is shown when a point fails.
ended() {
	awk '/^(ok|not ok) /{ tells = /^not ok|# SKIP/ } !/^(ok|# output)/ && tells ||
		/# SKIP|^Bail|^#.*skipped$/' "$dir/all.$1" >"$dir/out"
	cp "$dir/err.$1" "$dir/err"
	[ "$(cat "$dir/code.$1")" -eq 0 ]
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
exits 2 conform --settings port=0 true && said '^pluginctl: --settings: not JSON'
ok 'settings are JSON'
exits 2 conform --settings '[{"port": 0}]' true && said 'like .{"port": 7007}'
ok 'and an object'
echo 7 | "$pluginctl" conform --settings - true >"$dir/out" 2>"$dir/err"
[ $? -eq 2 ] && said 'not an object'
ok 'also from stdin'
exits 2 conform --settings "{\"a\": \"$(head -c 70000 /dev/zero | tr '\0' x)\"}" \
	true && said 'larger than 64 KiB'
ok 'that is not too large'
exits 2 conform --timeout 1ms true
ok 'some time is needed'
exits 2 conform x.so y
ok 'a module takes no arguments'
exits 1 conform "$dir/none" && grep -q '^Bail out! .*none cannot' "$dir/out"
ok 'a program that is not there'
(
	TMPDIR=$dir/none
	exits 1 conform true
) && grep -q '^Bail out! .*none: No such file.*; set TMPDIR to' "$dir/out" &&
	! grep -q '^not ok' "$dir/out"
ok 'a place that is not there'
exits 1 conform --timeout 200ms -- sh -c 'echo "what \033[1m is it" >&2' &&
	grep -q '^# output: what .x1b\[1m is it' "$dir/out" &&
	grep -q 'exited with status 0' "$dir/out" &&
	[ "$(grep -c '^not ok' "$dir/out")" -eq \
		"$(sed -n 's/^1\.\.//p' "$dir/out")" ]
ok 'a program that is no plugin; what it says is escaped'
# lives PID
lives() {
	grep -q '^State:.[^Z]' "/proc/$1/status" 2>"$dir/err"
}
# What a shell had started before it became pluginctl, in its own session and in
# another, is not the program's; what the program has left there is.
sh -c 'sleep 1000 & echo $! >"$0/same"; setsid sleep 1000 & echo $! >"$0/other"
	exec "$@"' "$dir" "$pluginctl" conform --timeout 200ms -- \
	sh -c "setsid sleep 1000 & echo \$! >'$dir/its'" >"$dir/out" 2>"$dir/err"
same=$(cat "$dir/same")
other=$(cat "$dir/other")
lives "$same" && lives "$other" && ! lives "$(cat "$dir/its")"
ok 'what was there before is left alone'
kill "$same" "$other" 2>"$dir/err"
exits 1 conform --timeout 200ms -- sh -c 'yes & exec sleep 1000' &&
	[ "$(grep -c '^# output: y$' "$dir/out")" -le 100 ]
ok 'one that writes without end is cut short'
clean
ok 'nothing is left behind'

# These wait most of the time.
begin hello "$examples/hello"
begin echo --settings '{"port": 0}' "$examples/echo"
begin module --settings '{"port": 0}' "$examples/echo.so"
begin events --settings '{"listen": ["custom.>", "plugin.*"], "say": "custom.x", "count": 3}' \
	"$modules/busmod.so"
begin calls --settings '{"offer": true}' "$modules/callmod.so"
begin fit --settings "$busy" \
	"$python" "$fit"
begin loud --settings '{"listen": ["custom.>"], "say": "custom.x", "count": 2000000, "size": 500}' \
	"$modules/busmod.so"
begin plain --settings '{"listen": ["custom.>"], "every": 1}' "$python" "$plain"
wait
ended hello
ok 'hello conforms'
ended echo
ok 'echo conforms'
ended module
ok 'echo conforms as a module'
ended events && ! prints '^ok.*event.*SKIP'
ok 'a module with events conforms'
ended calls && ! prints '^ok.*call.*SKIP'
ok 'a module with methods conforms'
ended fit && prints ' 0 broken, 0 skipped$'
ok 'what fits conforms, and no rule is skipped'
ended loud && ! prints '^ok.*event.*SKIP'
ok 'what publishes without end conforms'
ended plain && ! prints '^ok.*\(event\|call\).*SKIP'
ok 'the plugin in plain Python conforms'
clean
ok 'nothing is left behind by what conforms'

! timeout --signal=INT 1 "$pluginctl" conform "$examples/hello" \
	>"$dir/out" 2>"$dir/err" && grep -q '^Bail out! interrupted' "$dir/out" && clean
ok 'it can be interrupted'

# try_misfit NAME SETTINGS: into a file of its own
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

# One or two of each kind, none of which is found out by waiting.
few='Early Cookie Renamed Twice Eager Secretive Obliging Litter'
tab=$(printf '\t')
: >"$dir/list"
case $misfits-${PLUGIND_TEST_LEVEL:-default} in
yes-long) "$python" "$misfit" --list >"$dir/list" ;;
yes-default)
	"$python" "$misfit" --list |
		grep -E "^($(echo "$few" | tr ' ' '|'))$tab" >"$dir/list"
	[ "$(wc -l <"$dir/list")" -eq "$(echo "$few" | wc -w)" ]
	ok 'the few misfits are there'
	;;
esac
# Each job takes its share of the list.
job=0
while [ "$job" -lt "$jobs" ]; do
	awk "NR % $jobs == $job" "$dir/list" |
		while IFS=$tab read -r name settings _; do
			try_misfit "$name" "$settings" </dev/null
		done &
	job=$((job + 1))
done
wait
while IFS=$tab read -r name _ rules; do
	broken "$name" "$rules"
	ok "$name breaks: ${rules%/}"
done <"$dir/list"
if [ -s "$dir/list" ]; then
	clean
	ok 'nothing is left behind by misfits'
fi
echo "1..$count"
