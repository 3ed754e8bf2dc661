#!/bin/sh
# What pluginctl does without a daemon: wrong usage, an absent daemon, help,
# and that the man page and completions say what the command table says.
#
# usage: test_pluginctl.sh PLUGINCTL PLUGINCTL.1.SCD

pluginctl=$1
page=$2
# shellcheck source=tests/rig.sh
. "$(dirname "$0")/../rig.sh"
PLUGIND_SOCKET=$dir/none.sock

exits 2
ok 'no command is wrong usage'
exits 2 statu && said 'did you mean status?'
ok 'a wrong command is guessed'
exits 2 edit && said 'did you mean config edit?'
ok 'a second word is guessed'
exits 2 status --cascade && said 'takes no --cascade'
ok 'an option of another command is refused'
exits 2 status --bogus
ok 'an unknown option is refused'
exits 2 -o xml status && said 'not a format'
ok 'an unknown format is refused'
exits 2 --timeout 30 status && said 'write it like 30s'
ok 'a bare number is no duration'
exits 2 start && said 'which plugin?'
ok 'start needs a name'
exits 2 start --all x && said 'not both'
ok 'start takes a name or --all'
exits 2 kill -s NOPE x && said 'no such signal'
ok 'an unknown signal is refused'
exits 2 scale x two && said 'not a number'
ok 'scale needs a number'
exits 2 logs -n x && said 'not a number of lines'
ok 'logs needs a number of lines'
exits 2 logs --since never && said 'not a time'
ok 'logs needs a time'
exits 2 show
ok 'show needs a name'
exits 2 top --sort x && said 'use cpu, rss' &&
	exits 2 top -n 0 && said 'not a number of tables' &&
	exits 2 top -n x && exits 2 top --interval 5 && exits 2 top --interval 9ms
ok 'top needs a column, a number and a duration'
exits 2 top --lines 3 && said 'takes no --lines' &&
	exits 2 logs --count 3 && said 'takes no --count' &&
	exits 2 status -n 3 && said 'takes no --'
ok '-n is of the command'

for command in status 'show x' 'why x' graph failures version ping \
	'start x' 'stop x' 'restart x' 'reload x' reload 'kill x' 'reset x' \
	'enable x' 'disable x' 'scale x 2' 'wait x' logs 'logs -f' \
	'config show' plan apply 'config edit x' 'publish x.y' 'events -f' events \
	clients top; do
	# shellcheck disable=SC2086 # words on purpose
	exits 69 $command && said "$dir/none.sock"
	ok "no daemon: $command"
done
exits 69 ping && said 'is the daemon running?'
ok 'no daemon: the message says what to do'
exits 69 ping --socket "$dir/other.sock" && said other.sock
ok '--socket is taken behind the command'

exits 0 --version && exits 0 --help && exits 0 help status
ok 'version and help'
"$pluginctl" completion man >"$dir/out" 2>"$dir/err"
commands=$(sed -n 's/^\*\([a-z ]*\)\* .*/\1/p' "$dir/out" | grep -v '^-')
[ "$(echo "$commands" | wc -l)" -ge 20 ]
ok 'the table has commands'
failed=0
while read -r command; do
	# shellcheck disable=SC2086 # words on purpose
	exits 0 $command --help || failed=1
done <<EOF
$commands
EOF
[ "$failed" -eq 0 ]
ok 'every command has help'
# prints WORDS...: what a command prints, exactly.
prints() {
	want=$1
	shift
	[ "$("$@" 2>"$dir/err")" = "$want" ]
}

prints '2026-03-29T00:05:00Z
2026-03-29T00:10:00Z
2026-03-29T00:15:00Z' "$pluginctl" cron next '*/5 * * * *' --tz Europe/Berlin \
	--from 2026-03-29T00:00:00Z -n 3
ok 'cron next needs no daemon'
prints '2026-03-29T01:00:00Z  2026-03-29T03:00:00+02:00  dst_gap' "$pluginctl" \
	cron next 'CRON_TZ=Europe/Berlin 30 2 * * *' -o wide \
	--from 2026-03-28T12:00:00Z
ok 'cron next says that a time was skipped'
prints never "$pluginctl" cron next '0 0 30 2 *'
ok 'cron next says never'
prints '2027-01-01T00:00:00Z
never' "$pluginctl" cron next '0 0 0 1 1 * 2027' -n 3 --from 2026-01-01T00:00:00Z
ok 'cron next says never any more'
"$pluginctl" cron next '@hourly' -n 2 -o json >"$dir/out" &&
	grep -q '"reason": "normal"' "$dir/out"
ok 'cron next speaks JSON'
exits 2 cron next '*/0 * * * *' &&
	grep -q 'column 3, minute: a step of 0' "$dir/err" &&
	grep -q '^    ^$' "$dir/err"
ok 'cron next points at a fault'
exits 2 cron next '* * * * *' --tz Europe/Berlon &&
	grep -q 'no such time zone' "$dir/err"
ok 'cron next knows no such zone'
exits 2 cron next 'TZ=UTC * * * * *' --tz UTC
ok 'cron next takes one zone'
exits 2 cron next '* * * * *' --from yesterday
ok 'cron next wants a time'
exits 2 cron next '* * * * *' -n 0
ok 'cron next wants a number'
"$pluginctl" cron explain '0 9-17/4 13 jan,mar 5' --from 2026-01-01T00:00:00Z \
	>"$dir/out" && [ "$(sed -n 1p "$dir/out")" = "at 09:00, 13:00, 17:00,\
 on day 13 of the month, and on Friday, in January, March, UTC time" ] &&
	[ "$(sed -n 2p "$dir/out")" = \
		'next: 2026-01-02T09:00:00Z  2026-01-02T09:00:00+00:00' ]
ok 'cron explain uses words'
"$pluginctl" cron explain '*/7 0 */2 * fri' >"$dir/out" &&
	[ "$(grep -c '^note: ' "$dir/out")" -eq 3 ]
ok 'cron explain warns'

"$pluginctl" completion man >"$dir/want"
sed -n '/^# COMMANDS$/,/^# OUTPUT$/p' "$page" | sed '$d' >"$dir/have"
diff "$dir/have" "$dir/want" >"$dir/out"
ok 'the man page lists the commands of the table'
"$pluginctl" completion bash >"$dir/bash" && bash -n "$dir/bash"
ok 'the completion for bash is a script'

# offers WORD...: what bash offers for the last word.
offers() {
	bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
	_pluginctl; printf "%s\n" "${COMPREPLY[@]}"' bash "$dir/bash" "$@" \
		>"$dir/out" 2>"$dir/err"
}

offers pluginctl sta && [ "$(cat "$dir/out")" = 'status
start' ]
ok 'bash completes commands'
offers pluginctl config sh && [ "$(cat "$dir/out")" = 'show' ]
ok 'bash completes second words'
offers pluginctl -o json stop --ca && [ "$(cat "$dir/out")" = --cascade ]
ok 'bash completes options'
offers pluginctl wait x --for run && [ "$(cat "$dir/out")" = running ]
ok 'bash completes states'
echo "1..$count"
