#!/bin/sh
# pluginctl top, with a real daemon and plugins that talk and call.
#
# usage: test_top.sh PLUGINCTL PLUGIND BUSMOD.SO CALLMOD.SO

pluginctl=$1
plugind=$2
bus=$3
call=$4
# shellcheck source=tests/rig.sh
. "$(dirname "$0")/../rig.sh"

# shows EXPRESSION [ARG...]: of a table as JSON, `r` its rows by name, `t` all.
shows() {
	expression=$1
	shift
	"$pluginctl" top -o json --interval 300ms "$@" >"$dir/top" &&
		python3 -c '
import json, sys
t = json.loads(sys.stdin.readline())
r = {row["name"]: row for row in t["rows"]}
sys.exit(not ('"$expression"'))' <"$dir/top"
}

# In its table, NAME's column N.
pid_of() {
	"$pluginctl" status -o json "$1" | sed -n 's/.*"pid": \([0-9]*\).*/\1/p'
}

cat >"$dir/plugind.yaml" <<EOF
runtime_dir: $dir/run
state_dir: $dir/state
bus: {queue: {events: 20000}}
plugins:
  talk: {module: $bus, config: {say: custom.x, count: 1000000000}}
  ear: {module: $bus, config: {listen: [custom.>]}}
  deaf: {module: $bus, config: {listen: [custom.>]}, health: {interval: 1h}}
  adder: {module: $call, config: {offer: true}}
  caller: {module: $call, calls: [adder],
    config: {to: adder, method: add, count: 1000000000, window: 8}}
  other: {command: [sleep, "1000"], instances: 2}
  off: {module: $bus, enabled: false}
EOF
"$plugind" --config "$dir/plugind.yaml" >"$dir/log" 2>&1 &
daemon=$!
until_so "$pluginctl" ping
for name in talk ear deaf adder caller other; do
	exits 0 wait $name --for ready --timeout 60s || break
done
ok 'a daemon with plugins that talk'

until_so shows 'r["talk"]["out_per_s"] > 0 and r["ear"]["in_per_s"] > 0'
ok 'events that go out and come in'
until_so shows 'r["caller"]["calls_per_s"] > 0 and
	r["adder"]["served_per_s"] > 0 and r["adder"]["calls_per_s"] == 0'
ok 'calls that are made and served'
until_so shows 'r["plugind-router"]["out_per_s"] > 0 and
	r["plugind-router"]["calls_per_s"] > 0 and
	r["plugind-router"]["kind"] == "router" and
	r["plugind-router"]["published"] >= r["talk"]["published"] > 0 and
	r["plugind-router"]["queue_limit"] is None'
ok 'the router has the sum'
until_so shows 'r["talk"]["cpu_percent"] > 0 and
	0 < r["talk"]["rss"] < 1 << 40 and 250 <= t["interval_ms"] < 60000'
ok 'CPU and memory'
shows 'r["other:2"]["rss"] > 0 and r["other:2"]["cpu_percent"] is not None and
	r["other:2"]["queue"] is None and r["other:2"]["out_per_s"] is None and
	r["off"]["pid"] is None and r["off"]["rss"] is None and
	r["off"]["cpu_percent"] is None and r["off"]["state"] == "registered" and
	len(r) == 9'
ok 'what is not known of a program, or of one that does not run'
shows 'list(t) == ["time", "interval_ms", "rows"] and all(list(row) ==
	["name", "kind", "state", "pid", "generation", "cpu_ms", "rss",
	 "published", "received", "called", "served", "dropped", "queue",
	 "queue_bytes", "queue_limit", "cpu_percent", "in_per_s", "out_per_s",
	 "calls_per_s", "served_per_s", "drops_per_s"] for row in t["rows"])'
ok 'the shape of JSON'

kill -STOP "$(pid_of deaf)"
until_so shows '0 < r["deaf"]["queue"] and r["deaf"]["queue_bytes"] > 0 and
	r["deaf"]["queue_limit"] == 20000 and r["deaf"]["in_per_s"] == 0 and
	r["deaf"]["dropped"] > 0 and r["deaf"]["drops_per_s"] > 0 and
	r["plugind-router"]["dropped"] >= r["deaf"]["dropped"]'
ok 'the queue and the drops of one that stands still'
exits 0 top --interval 200ms deaf && prints ' [0-9]*/20000  *[1-9][0-9]*$'
ok 'in a table, too'
kill -CONT "$(pid_of deaf)"

exits 0 top -n 2 --interval 200ms --sort name &&
	[ "$(grep -c '^NAME .*STATE .*CPU% .*IN/S .*DROPPED$' "$dir/out")" -eq 2 ] &&
	[ "$(grep -c '^$' "$dir/out")" -eq 1 ] &&
	[ "$(sed -n '2,10s/ .*//p' "$dir/out" | tr '\n' ' ')" = \
		'adder caller deaf ear off other:1 other:2 plugind-router talk ' ]
ok 'two tables, by name'
exits 0 top --interval 200ms --sort rss -o wide &&
	prints '^NAME .*KIND .*BYTES .*DROPS/S$' &&
	[ "$(sed -n '10s/ .*//p' "$dir/out")" = off ]
ok 'the other columns, what is not known at the end'
exits 0 top --count 3 --interval 100ms -o json &&
	[ "$(grep -c '^{"time":.*}$' "$dir/out")" -eq 3 ]
ok 'three lines of JSON'
exits 0 top --interval 100ms -o yaml && prints '^---$' && prints '^interval_ms:'
ok 'YAML'
exits 0 top --interval 100ms --sort name -o name other ear &&
	[ "$(cat "$dir/out")" = 'ear
other:1
other:2' ]
ok 'of some, by name'
exits 5 top nobody && said "unknown plugin 'nobody'"
ok 'of nobody'
exits 0 call plugind top '[["talk"]]' && prints '"published": [1-9]' &&
	prints '"name": "talk"'
ok 'over the bus'
"$pluginctl" events -f nothing.at.all >"$dir/heard" 2>&1 </dev/null &
ear=$!
until_so shows 'any(n.startswith("client:") and row["kind"] == "client" and
	row["queue"] == 0 and row["rss"] is None for n, row in r.items())'
ok 'clients'
kill "$ear" && wait "$ear"

kill -STOP "$(pid_of plugind-router)"
shows 'r["talk"]["published"] is None and r["talk"]["out_per_s"] is None and
	r["talk"]["rss"] > 0 and r["talk"]["cpu_percent"] is not None'
ok 'a router that is silent: the rest is shown'
kill -CONT "$(pid_of plugind-router)"
until_so shows 'r["talk"]["out_per_s"] > 0'
ok 'and all of it again'

{
	"$pluginctl" top -n 15 --interval 200ms -o json >"$dir/lines"
	echo $? >"$dir/status"
} 2>"$dir/err" &
ear=$!
until_so test -s "$dir/lines"
kill -KILL "$(pid_of plugind-router)"
wait "$ear"
[ "$(cat "$dir/status")" -eq 0 ] && [ "$(wc -l <"$dir/lines")" -eq 15 ] &&
	! [ -s "$dir/err" ]
ok 'the router is killed meanwhile'
python3 -c '
import json, sys
for line in sys.stdin:
    for row in json.loads(line)["rows"]:
        for key, value in row.items():
            assert value is None or not key.endswith("_s") or value >= 0, row
' <"$dir/lines" >"$dir/out" 2>"$dir/err"
ok 'no rate is made of two routers'
until_so shows 'r["talk"]["out_per_s"] > 0 and r["ear"]["in_per_s"] > 0 and
	r["caller"]["calls_per_s"] > 0'
ok 'and it works on'

calls() {
	"$pluginctl" top -o json --interval 100ms "$1" |
		sed -n 's/.*"called":\([0-9]*\),.*/\1/p'
}
before=$(calls plugind-router)
exits 0 stop caller && after=$(calls plugind-router) &&
	[ "$before" -gt 0 ] && [ "$after" -ge "$before" ] && [ -z "$(calls caller)" ]
ok 'what one has counted that is gone stays in the sum'
exits 0 start caller

# A terminal of 8 lines: what it shows, then a key.
on_screen() {
	TERM=xterm timeout 60 python3 - "$1" "$pluginctl" top --interval 200ms <<'EOF'
import fcntl, os, pty, struct, sys, termios
key = sys.argv[1].encode().decode("unicode_escape").encode()
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 8, 100, 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
before = termios.tcgetattr(fd)
seen = b""
sent = False
while True:
    try:
        got = os.read(fd, 65536)
    except OSError:
        break
    if not got:
        break
    seen += got
    if not sent and seen.count(b"\033[H") >= 4:
        assert not termios.tcgetattr(fd)[3] & termios.ECHO
        os.write(fd, key)
        sent = True
status = os.waitpid(pid, 0)[1]
assert status == 0, status
assert sent and b"\033[?25l" in seen and seen.endswith(b"\033[?25h"), seen
frames = seen.split(b"\033[H")[2:]
assert all(f.count(b"\n") == 7 for f in frames), frames
assert all(b"q leaves" in f and b"NAME " in f and b"\r\nand 5 more" in f
           for f in frames), frames
EOF
}
on_screen q >"$dir/out" 2>"$dir/err"
ok 'a screen, until q'
on_screen '\x03' >"$dir/out" 2>"$dir/err"
ok 'or until ^C'

echo "1..$count"
