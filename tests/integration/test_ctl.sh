#!/bin/sh
# pluginctl with a real daemon: every command once, its exit code and the
# words that people and scripts rely on.
#
# usage: test_ctl.sh PLUGINCTL PLUGIND

pluginctl=$1
plugind=$2
# shellcheck source=tests/rig.sh
. "$(dirname "$0")/../rig.sh"

cat >"$dir/plugind.yaml" <<EOF
runtime_dir: $dir/run
state_dir: $dir/state
plugins:
  db:
    command: [sh, -c, "printf 'db \\\\033[31mup\\\\n'; exec sleep 1000"]
  worker:
    command: [sh, -c, "echo worker up; exec sleep 1000"]
    instances: 2
    depends_on: [db]
EOF
mkdir "$dir/plugins.d"
cat >"$dir/plugins.d/bad.yaml" <<EOF
plugins:
  bad:
    command: [sh, -c, "echo oops >&2; exit 3"]
    ready: {after: 60s}
    restart: {policy: never}
  idle:
    command: [sleep, "1000"]
    enabled: false
EOF

"$plugind" --config "$dir/plugind.yaml" >"$dir/log" 2>&1 &
daemon=$!
tries=0
until "$pluginctl" ping >"$dir/out" 2>"$dir/err"; do
	tries=$((tries + 1))
	if [ "$tries" -gt 600 ] || ! kill -0 "$daemon" 2>/dev/null; then
		echo "Bail out! plugind does not answer"
		sed 's/^/# /' "$dir/log"
		exit 1
	fi
	sleep 0.1
done

exits 0 wait worker --for ready --timeout 60s && prints 'worker:2: running'
ok 'wait for all instances'
exits 0 wait bad --for failed --timeout 60s
ok 'wait for failed'
exits 75 wait db --for stopped --timeout 100ms && said 'is over'
ok 'wait: the time is over'
exits 2 wait db --for nonsense
ok 'wait: no such state'

exits 0 status && prints '^NAME  *STATE  *HEALTH  *PID' &&
	prints '^worker:1  *running' && prints '^bad  *failed'
ok 'status'
exits 0 status db worker
ok 'status of what runs'
exits 3 ls db bad
ok 'status of what does not run'
exits 4 status nope && said nope
ok 'status of what is not there'
exits 0 -o name status && [ "$(cat "$dir/out")" = 'bad
db
idle
worker:1
worker:2' ]
ok 'status: names'
exits 0 status db -o json && prints '"state": "running"'
ok 'status: JSON'
exits 0 status db -o yaml && prints '^  state: running'
ok 'status: YAML'
exits 0 show worker:2 && prints 'program .*worker up'
ok 'show'
exits 5 show nope
ok 'show: no such plugin'
exits 0 why bad && prints 'Last exits' && prints 'What to do'
ok 'why'
exits 0 graph && prints '─db'
ok 'graph'
exits 0 graph --dot && prints '"worker" -> "db"'
ok 'graph for Graphviz'
exits 0 failures && prints 'bad .*exit 3'
ok 'failures'
exits 0 version && prints "pid $daemon" && prints "$dir/plugind.yaml"
ok 'version'

exits 0 logs db && prints '^db \\x1b\[31mup$'
ok 'logs are escaped'
exits 0 logs && prints '^worker:1 | worker up' && prints '^bad  *| oops'
ok 'logs of several have names'
exits 0 logs bad -o json && prints '"text":"oops"'
ok 'logs: JSON'

exits 0 stop db && said 'worker'
ok 'stop names what depends on it'
exits 0 stop --cascade db && exits 0 wait worker --for stopped
ok 'stop --cascade'
exits 0 start worker && prints '^worker:1: running (pid' &&
	exits 0 status db
ok 'start begins with what it depends on'
exits 0 restart worker:1 && prints '^worker:1: running (pid'
ok 'restart'
exits 1 start bad && said '^bad: '
ok 'start of what fails'
exits 0 start --no-wait idle && prints '^operation [0-9]'
ok 'start --no-wait'
exits 0 reset bad
ok 'reset'
exits 0 kill -s KILL idle && prints '^idle: signal KILL sent'
ok 'kill'
exits 3 kill bad
ok 'kill of what does not run'
exits 5 start nope
ok 'start: no such plugin'
exits 0 scale worker 3 && exits 0 wait worker:3 --for ready
ok 'scale'
exits 0 disable --now idle && prints '^idle: disabled' && exits 3 status idle
ok 'disable --now'

exits 0 config show db && prints '^command:'
ok 'config show'
exits 0 config check "$dir/plugind.yaml"
ok 'config check'
exits 0 config schema && prints json-schema.org
ok 'config schema'
exits 0 plan && prints 'nothing would change'
ok 'plan without changes'
EDITOR='sed -i s/1000/1001/' exits 0 config edit idle --no-apply &&
	prints '^idle: ' && grep -q 1001 "$dir/plugins.d/bad.yaml"
ok 'config edit --no-apply saves and prints the plan'
exits 0 apply && prints '^idle: '
ok 'apply'
cp "$dir/plugins.d/bad.yaml" "$dir/before"
EDITOR='sed -i s/enabled/enabeld/' exits 78 config edit idle &&
	said "$dir/plugins.d/bad.yaml:[0-9]*:5: .*enabeld" &&
	cmp -s "$dir/before" "$dir/plugins.d/bad.yaml"
ok 'config edit saves no errors'
EDITOR='sed -i s/1001/1002/' exits 0 config edit idle &&
	prints '^idle: ' && exits 0 plan && prints 'nothing would change'
ok 'config edit applies'
[ "$(find "$dir" -name '.*' | wc -l)" -eq 0 ]
ok 'config edit leaves nothing behind'
echo 'junk: 1' >"$dir/plugins.d/zz.yaml"
exits 78 plan && said 'zz.yaml:1:1: ' && exits 78 reload
ok 'plan and reload show the errors of the files'
rm "$dir/plugins.d/zz.yaml"

"$pluginctl" logs -f worker:1 -n 1 >"$dir/follow" 2>&1 &
follower=$!
tries=0
until [ -s "$dir/follow" ] || [ "$tries" -gt 600 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
kill -TERM "$follower"
wait "$follower" && [ -s "$dir/follow" ]
ok 'logs -f ends well'

kill -TERM "$daemon"
wait "$daemon"
ok 'the daemon ends well'
daemon=
exits 69 status
ok 'then it cannot be reached'
echo "1..$count"
