#!/bin/sh
# pluginctl call and services, and events --since, with a real daemon.
#
# usage: test_buscalls.sh PLUGINCTL PLUGIND CALLMOD.SO

pluginctl=$1
plugind=$2
module=$3
# shellcheck source=tests/rig.sh
. "$(dirname "$0")/../rig.sh"

cat >"$dir/plugind.yaml" <<EOF
runtime_dir: $dir/run
state_dir: $dir/state
plugins:
  worker: {module: $module, config: {offer: true}}
  zoo: {module: $module, config: {methods: 250}}
  idle: {module: $module, enabled: false, config: {offer: true}}
EOF
"$plugind" --config "$dir/plugind.yaml" >"$dir/log" 2>&1 &
daemon=$!
until_so "$pluginctl" ping
exits 0 wait worker --for ready --timeout 60s
ok 'a daemon with a plugin that offers methods'

exits 0 services && prints '^worker  *1  add .*the sum so far$' &&
	prints 'list  *GET  */things'
ok 'services lists them'
[ "$(sed -n 2p "$dir/out" | cut -c1-20)" = 'worker         1  ad' ]
ok 'in order'
exits 0 services worker late && [ "$(wc -l <"$dir/out")" -eq 2 ]
ok 'and those that are asked for'
exits 0 services -o json && prints '"path": "/things"'
ok 'also as JSON'
# More than fit on the way at once.
offers_all() {
	[ "$("$pluginctl" services zoo | wc -l)" -eq 251 ]
}
until_so offers_all
exits 0 call zoo m250
ok 'all of many methods are offered'

exits 0 call worker add '{"n": 41}' && prints '"n": 41'
ok 'call prints what it returns'
echo '{"n": 1}' >"$dir/in"
"$pluginctl" call worker:1 add - <"$dir/in" >"$dir/out" && prints '"n": 42'
ok 'call takes its argument from stdin'
exits 1 call worker fail && said 'worker fail: failed: as you wish, client:'
ok 'call says why a method fails'
exits 5 call worker dance && said 'unknown method'
ok 'call knows no other methods'
exits 3 call idle add && said 'unavailable'
ok 'call wants a plugin that runs'
exits 75 call --timeout 300ms worker never && said 'may have been executed'
ok 'call waits as long as --timeout'
router=$("$pluginctl" status -o json plugind-router |
	sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
kill -STOP "$router"
exits 75 call --timeout 300ms worker add && said 'no reply in time' &&
	exits 75 services --timeout 300ms && said 'no answer in time'
ok 'also until it is linked'
kill -CONT "$router"
exits 2 call worker && exits 2 call worker add '{"n": }' && said 'column 7'
ok 'call wants a method, and JSON'
exits 1 call worker 'no method' && said 'no plugin and method'
ok 'call wants a method that is one'
exits 0 call plugind status '[["worker"]]' && prints '"state": "running"'
ok 'call asks plugind, too'

exits 0 publish custom.before 1
"$pluginctl" events --since 1h --count 1 custom.before >"$dir/out" &&
	prints 'custom.before'
ok 'events --since tells what was before'
exits 2 events -f --since yesterday-ish && said 'not a time'
ok 'events --since wants a time'

kill -TERM "$daemon" && wait "$daemon"
daemon=
ok 'the daemon ends'

echo "1..$count"
