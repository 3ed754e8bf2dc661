#!/bin/sh
# pluginctl on the bus: publish, events and clients with a real daemon.
#
# usage: test_events.sh PLUGINCTL PLUGIND HELLO.SO

pluginctl=$1
plugind=$2
module=$3
# shellcheck source=tests/rig.sh
. "$(dirname "$0")/../rig.sh"

# listen ARG...: events in the background, in $dir/heard; waits until it hears.
listen() {
	: >"$dir/heard"
	"$pluginctl" events -f "$@" >"$dir/heard" 2>"$dir/missed" </dev/null &
	ear=$!
	until_so is_heard
}

is_heard() {
	"$pluginctl" publish custom.test.ready && grep -q ready "$dir/heard"
}

heard() {
	until_so grep -q -e "$1" "$dir/heard"
}

cat >"$dir/plugind.yaml" <<EOF
runtime_dir: $dir/run
state_dir: $dir/state
plugins:
  hello: {module: $module}
  other: {command: [sleep, "1000"]}
EOF
"$plugind" --config "$dir/plugind.yaml" >"$dir/log" 2>&1 &
daemon=$!
until_so "$pluginctl" ping
exits 0 wait hello --for ready --timeout 60s
ok 'a daemon with a plugin on the bus'

exits 2 publish && exits 2 publish custom.x 1 2
ok 'publish wants a topic'
exits 2 publish 'custom..x' && said 'custom..x'
ok 'publish wants a topic that is one'
exits 2 publish custom.x '{"a": 1,}' && said 'line 1, column 9'
ok 'publish wants JSON, and says where it is none'
exits 2 publish custom.x '[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]' && said deep
ok 'publish wants no abyss'
exits 1 publish custom.x '[[[[[[[[[[[[[[1]]]]]]]]]]]]]]' && said deep
ok 'nor half of one'
exits 2 events -f 'custom.>.x' && exits 2 events --count 0
ok 'events wants patterns and a number'
exits 0 publish custom.x
ok 'publish'
exits 0 events nothing.at.all && [ ! -s "$dir/out" ] && [ ! -s "$dir/err" ]
ok 'events: nothing is kept of that, and it ends'
exits 0 publish custom.kept.a '"first"' && exits 0 publish custom.kept.b 2 &&
	exits 0 publish custom.kept.a '"third"' &&
	exits 0 events 'custom.kept.*' && [ "$(wc -l <"$dir/out")" -eq 3 ] &&
	[ "$(sed 's/.* //' "$dir/out" | tr '\n' ' ')" = '"first" 2 "third" ' ]
ok 'events prints what is kept, in order, and ends'
exits 0 events custom.kept.b custom.kept.a -o name &&
	[ "$(sort "$dir/out" | uniq -c | tr -s ' \n' ' ')" = \
		' 2 custom.kept.a 1 custom.kept.b ' ]
ok 'of several patterns'
exits 0 events --since 1h 'custom.kept.*' && prints third &&
	exits 0 events --since 2100-01-01 'custom.kept.*' && [ ! -s "$dir/out" ]
ok 'since a time'
exits 0 events && prints ' plugin.started ' && prints ' custom.kept.b '
ok 'of all topics'
exits 4 publish plugin.failed 1 && said 'permission denied'
ok 'publish: topics of the supervisor are its own'

listen 'custom.*.*' 'plugin.>' -o json
ok 'events -f hears'
exits 0 publish custom.a.b '{"k": [1, -2.5, "\u00e9", null, true]}' &&
	heard '"topic":"custom.a.b"'
ok 'an event arrives'
grep custom.a.b "$dir/heard" | python3 -c '
import json, re, sys
e = json.loads(sys.stdin.readline())
assert list(e) == ["id", "topic", "source", "target", "time", "data",
                   "trace", "seq"], e
assert re.fullmatch("[0-9a-f]{16}:%d" % e["seq"], e["id"]), e
assert re.fullmatch(r"client:\d+:\d+", e["source"]), e
assert e["data"] == {"k": [1, -2.5, "é", None, True]}, e
assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z", e["time"]), e
assert e["target"] is None and e["trace"] is None, e
' >"$dir/out" 2>"$dir/err"
ok 'with all that belongs to it'
printf '{"from": "stdin"}\n' | "$pluginctl" publish custom.in.put - &&
	heard '"data":{"from":"stdin"}'
ok 'the data may come from stdin'
exits 0 publish own.topic.x && exits 0 publish custom.last.one &&
	heard custom.last.one && ! grep -q own.topic "$dir/heard"
ok 'only what a pattern covers arrives'
exits 0 restart other && heard '"plugin.started".*"name":"other"'
ok 'the supervisor is heard'
exits 0 clients && prints '^client:[0-9]*:[0-9]*  *pluginctl .* yes'
ok 'clients lists it'
exits 0 -o name clients && prints '^client:[0-9]*:[0-9]*$'
ok 'clients: names'

router=$("$pluginctl" status -o json plugind-router |
	sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
kill -STOP "$router"
exits 75 events --timeout 300ms 'custom.kept.*' && said 'no answer in time'
ok 'events waits as long as --timeout'
kill -KILL "$router" && until_so sh -c \
	"$pluginctl publish custom.be.hind && grep -q be.hind $dir/heard" &&
	until_so grep -q 'router was replaced' "$dir/missed"
ok 'it goes on when the router is replaced, and says so'

kill -INT "$ear" && wait "$ear"
ok 'an interrupt is how one leaves'

listen
exits 0 publish custom.x '"\u001b[31m \u009b2J \u202e"' && heard 'custom.x' &&
	! LC_ALL=C grep -q "$(printf '\033')" "$dir/heard" &&
	! LC_ALL=C grep -q "$(printf '\302\233\|\342\200\256')" "$dir/heard"
ok 'what is in an event forges nothing on a terminal'
kill -TERM "$ear" && wait "$ear"
ok 'and leaves at SIGTERM'

"$pluginctl" events --count 2 custom.n >"$dir/heard" </dev/null &
ear=$!
until_so sh -c "$pluginctl publish custom.n 1 && ! kill -0 $ear"
wait "$ear" && [ "$(wc -l <"$dir/heard")" -eq 2 ]
ok 'events --count ends by itself'
{
	"$pluginctl" events -f -o wide custom.n 2>"$dir/err" </dev/null
	echo $? >"$dir/status"
} | head -n 1 >"$dir/heard" &
# It learns of that when it prints the next one.
until_so sh -c "$pluginctl publish custom.n 1 && [ -s $dir/status ]"
[ "$(wc -l <"$dir/heard")" -eq 1 ] && [ "$(cat "$dir/status")" -eq 141 ] &&
	! [ -s "$dir/err" ]
ok 'a reader that leaves is no error'

if [ "$(id -u)" -eq 0 ] && getent group plugind >"$dir/out"; then
	as='setpriv --reuid=65534 --regid=65534 --groups'
	gid=$(getent group plugind | cut -d: -f3)
	$as "$gid" "$pluginctl" publish custom.x >"$dir/out" 2>"$dir/err"
	ok 'an operator publishes to custom.>'
	$as "$gid" "$pluginctl" publish own.x >"$dir/out" 2>"$dir/err"
	[ $? -eq 4 ] && said 'permission denied'
	ok 'and to nothing else'
fi

listen
kill -TERM "$daemon" && wait "$daemon"
daemon=
wait "$ear"
[ $? -eq 69 ] && grep -q 'the daemon has ended' "$dir/missed"
ok 'when the daemon ends, so does it, and says why'
[ ! -e "$dir/run/p" ] || [ -z "$(ls -A "$dir/run/p")" ]
ok 'nothing is left of the clients'

echo "1..$count"
