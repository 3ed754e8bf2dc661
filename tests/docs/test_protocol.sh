#!/bin/sh
# docs/PROTOCOL.md says all that there is, and what it says is enough: every
# message and variable is named in it, and a plugin that was written from it
# alone (sdk/examples/plain.py: no nng, no SDK) lives a whole life under a real
# daemon, talks to one of its kind and to modules, over a router's
# death.
#
# usage: test_protocol.sh SOURCE_DIR PLUGINCTL PLUGIND BUSMOD

src=$1
pluginctl=$2
plugind=$3
busmod=$(readlink -f "$4")
page=$src/docs/PROTOCOL.md
# shellcheck source=tests/rig.sh
. "$(dirname "$0")/../rig.sh"

# Rows of msgs.def that have no row in the page, with number, name and
# arguments.
missing_messages() {
	awk -F '"' '
	FILENAME == ARGV[1] { page = page $0 "\n"; next }
	/^MSG\([123][0-9][0-9],/ {
		n = split($4, args, " ")
		row = "\n| " substr($0, 5, 3) " | " $2 " | "
		for (i = 1; i <= n; i++) {
			sub(/\?$/, "", args[i])
			row = row (i > 1 ? " " : "") "`" args[i] "`"
		}
		rows++
		if (index(page, row " |") == 0)
			print substr(row, 2)
	}
	END { if (rows < 10) print "msgs.def was not read" }
	' "$page" "$src/common/msgs.def"
}

missing_variables() {
	grep -o '"PLUGIND_[A-Z_]*"' "$src/sdk/src/identity.c" | tr -d '"' |
		sort -u >"$dir/variables"
	[ -s "$dir/variables" ] || echo 'identity.c was not read'
	while read -r name; do
		grep -q "^| \`$name\` |" "$page" || echo "$name"
	done <"$dir/variables"
}

# Files that a page of ours links to and that are not there.
dead_links() {
	for file in "$src"/*.md "$src"/docs/*.md; do
		grep -o '](\([^)#:]*\))' "$file" | sed 's/^](//; s/)$//' |
			while read -r to; do
				[ -e "$(dirname "$file")/$to" ] ||
					echo "$file: $to"
			done
	done
}

nothing() {
	"$@" >"$dir/out"
	[ ! -s "$dir/out" ]
}

# status_is NAME PATTERN
status_is() {
	"$pluginctl" status "$1" | grep -q -e "$2"
}

pid_of() {
	"$pluginctl" status "$1" -o json | sed -n 's/.*"pid": \([0-9]*\).*/\1/p'
}

# change FROM TO: of the configuration
change() {
	sed -i "s/$1/$2/" "$dir/plugind.yaml"
	"$pluginctl" apply >"$dir/out" 2>&1
}

# said NAME TEXT: a line of its log
said() {
	cut -f 4- "$dir/state/logs/$1.log" | grep -q -e "$2"
}

# how_often NAME TEXT: how often there is that line
how_often() {
	cut -f 4- "$dir/state/logs/$1.log" | grep -c -x -e "$2"
}

# more_often COUNT NAME TEXT
more_often() {
	[ "$(how_often "$2" "$3")" -gt "$1" ]
}

# has_heard NAME TOPIC SOURCE COUNT: {'n': 1} to {'n': COUNT}, in order, and
# the last. What is marked may come again; none is left out unless it is told;
# a new process begins with 1.
has_heard() {
	cut -f 4- "$dir/state/logs/$1.log" | awk -v count="$4" \
		-v begin="heard $2 from $3: {'n': " '
		/ events are missing here$/ { gap = 1 }
		index($0, begin) != 1 { next }
		{
			n = substr($0, length(begin) + 1) + 0
			if (n == last + 1 || n == 1 || (gap && n > last))
				last = n
			else if (n > last || $NF != "again")
				wrong = wrong " " n
			gap = 0
		}
		END {
			print "heard up to " last + 0 ", not in order:" wrong
			exit wrong != "" || last != count
		}'
}

# booked WHAT: in the books of the module that listens
booked() {
	grep -q -e "$1" "$dir/state/plugins/ear/books"
}

logged() {
	grep -q -e "$1" "$dir/log"
}

nothing missing_messages
ok 'every message is a row'
nothing missing_variables
ok 'every variable is a row'
nothing dead_links
ok 'links lead to files'

python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)
if [ -z "$python" ]; then
	echo "ok $((count + 1)) - a life # SKIP no python3"
	echo "1..$((count + 1))"
	exit 0
fi

events=1500 # a log takes 2000 lines a second
cat >"$dir/plugind.yaml" <<END
runtime_dir: ./run
state_dir: ./state
plugins:
  snake:
    exec: ["$python", "$src/sdk/examples/plain.py"]
    health: {interval: 200ms}
    events: {on_overflow: block}
    calls: [cobra]
    config: {every: 0.02, listen: [custom.>]}
    depends_on: [cobra, ear]
  cobra:
    exec: ["$python", "$src/sdk/examples/plain.py"]
    health: {interval: 200ms}
    events: {on_overflow: block}
    calls: [snake, ear, nobody]
    config: {greeting: hiss, listen: [snake.>, service.*]}
  ear:
    module: $busmod
    events: {on_overflow: block}
    config: {listen: [snake.>]}
  speaker:
    module: $busmod
    enabled: false
    config: {say: custom.count, count: $events}
END
"$plugind" --config "$dir/plugind.yaml" >"$dir/log" 2>&1 &
daemon=$!

until_so status_is snake 'running  *ok '
ok 'it runs, and is well'
snake=$(pid_of snake)
"$pluginctl" show snake >"$dir/out" && grep -q 'version  *1\.0' "$dir/out"
ok 'its version has arrived'
until_so said cobra "heard snake.tick from snake: {'n': [0-9]*}"
ok 'another one hears its events'
until_so booked 'received [1-9].* disorder 0'
ok 'and so does a module'
until_so said cobra "heard service.registered from plugind: .*'greet'"
ok 'its method is known'

change 'every: 0.02' 'every: 0.02, ask: cobra' &&
	until_so said snake 'cobra says: hiss, snake'
ok 'it takes a configuration, and calls another one'
change 'greeting: hiss' 'greeting: hiss, every: 0.05, ask: nobody' &&
	until_so said cobra 'nobody does not answer (status 2): '
ok 'one that is not there is unavailable'
until_so status_is cobra 'degraded .*nobody does not answer'
ok 'which degrades it'
change 'ask: nobody' 'ask: ear' &&
	until_so said cobra 'ear does not answer (status 4): '
ok 'a module that does not offer it is told from that'
change 'ask: ear' 'ask: speaker' &&
	until_so said cobra 'speaker does not answer (status 3): '
ok 'and one that it may not call'
change 'ask: speaker' 'ask: snake' &&
	until_so said cobra 'snake says: hello, cobra'
ok 'both call each other'

router=$(pid_of plugind-router)
"$pluginctl" start speaker >"$dir/out" 2>&1 &&
	until_so said snake 'heard custom.count from speaker: '
ok 'it hears a module'
"$pluginctl" kill -s KILL plugind-router >"$dir/out" 2>&1
ok 'the router is killed'
until_so logged "plugind-router: pid $router killed by SIGKILL"
ok 'and gone'
until_so said cobra 'some events are missing here'
ok 'what may be missing is told'
greetings=$(how_often snake 'cobra says: hiss, snake')
"$pluginctl" restart speaker >"$dir/out" 2>&1 &&
	until_so has_heard snake custom.count speaker $events
ok 'it goes on hearing, and what was lost was told'
until_so more_often "$greetings" snake 'cobra says: hiss, snake'
ok 'calls go on'
change 'every: 0.02' 'every: 0.01' && until_so status_is snake 'running  *ok '
ok 'with the next router it takes another configuration'
[ -n "$snake" ] && [ "$(pid_of snake)" = "$snake" ]
ok 'in the same process'

change 'every: 0.01' 'every: never'
until_so logged 'old configuration: .*yaml:9:21: config.every: must be a number'
ok 'a refused configuration is told with its place'
"$pluginctl" stop snake >"$dir/out" 2>&1
ok 'it stops'
until_so logged "snake: pid $snake exited with status 0"
ok 'with status 0'
[ "$(how_often snake started) $(how_often snake configured)" = '1 2' ]
ok 'nothing ran twice'
ticks=$(cut -f 4- "$dir/state/logs/snake.log" |
	sed -n 's/^stopped after \([0-9]*\) ticks$/\1/p')
until_so has_heard cobra snake.tick snake "$ticks"
ok 'what it has published has arrived'
booked ' disorder 0 '
ok 'in order, at the module too'
until_so said cobra 'snake does not answer (status 2): '
ok 'and it is not called any more'
cobra=$(pid_of cobra)
"$pluginctl" kill -s TERM cobra >"$dir/out" 2>&1 &&
	until_so logged "cobra: pid $cobra exited with status 0"
ok 'SIGTERM stops it, too'

kill -TERM "$daemon"
wait "$daemon"
ok 'the daemon ends well'
daemon=
echo "1..$count"
