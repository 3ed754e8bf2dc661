#!/bin/sh
# docs/PLUGIN_GUIDE.md, read as somebody would who types what stands there:
# files are saved, commands run in one shell in an empty home, and what they
# print is compared with what the guide shows. Numbers and times may differ,
# blanks too; places in plugind.yaml may not. A shown line must come, in
# order; other lines may come between.
#
# usage: test_guide.sh SOURCE_DIR BUILD_DIR
#
# Comments of the Markdown tell what a reader sees from the text:
#   file: NAME                  the block is saved as NAME
#   first terminal              the command stays in the background
#   first terminal says         the block is what that prints
#   exit status N               of the first command of the block
#   where plugind is installed  pkg-config finds an installation

src=$1
build=$2
count=0
failed=0
daemon=
deadline_s=60
tab=$(printf '\t')

dir=$(mktemp -d) || exit 1
chmod 755 "$dir" # root's router is another user
unset NO_COLOR PLUGIND_SOCKET PLUGIND_CONFIG PKG_CONFIG_PATH DESTDIR

finish() {
	if [ -n "$daemon" ]; then
		kill -TERM "$daemon" 2>/dev/null
		wait "$daemon"
	fi
	cd /
	rm -rf "$dir"
}
trap finish EXIT

report() {
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $2"
	sed 's/^/# shown: /' "$step.out" 2>/dev/null
	sed 's/^/# is:    /' "$dir/out"
}

# Splits the guide into steps, each some files NUMBER.*: kind, what it is
# about (file, exit status), the text of a file or command, shown output.
split_guide() {
	mkdir "$dir/steps"
	awk -v dir="$dir/steps/" '
	function begin(k, a) {
		name = sprintf("%s%03d", dir, ++n)
		print k "\t" a >(name ".kind")
		close(name ".kind")
		printf "" >(name ".text")
		printf "" >(name ".out")
	}
	/^<!-- .* -->$/ {
		note = substr($0, 6, length($0) - 9)
		next
	}
	/^```console$/ {
		inside = "console"
		if (note == "first terminal says")
			begin("says", "")
		next
	}
	/^```[a-z]+$/ {
		inside = "file"
		begin("file", substr(note, 7))
		next
	}
	/^```$/ { inside = note = ""; more = 0; next }
	inside == "file" || more {
		print >(name ".text")
		more = more && /\\$/
		next
	}
	inside == "console" && /^\$ / {
		kind = note == "first terminal" ? "stay" : "run"
		status = 0
		if (note ~ /^exit status /)
			status = substr(note, 13)
		if (note == "where plugind is installed")
			kind = "installed"
		else
			note = ""
		begin(kind, status)
		print substr($0, 3) >(name ".text")
		more = /\\$/
		next
	}
	inside == "console" { print >(name ".out") }
	' "$src/docs/PLUGIN_GUIDE.md"
}

# matches SHOWN ACTUAL
matches() {
	awk '
	function literal(s,    i, c, out) {
		out = ""
		for (i = 1; i <= length(s); i++) {
			c = substr(s, i, 1)
			out = out (c ~ /[][\\.*+?(){}|^$]/ ? "\\" c : c)
		}
		return out
	}
	# Numbers and times become patterns, the rest is itself.
	function loosen(s,    c, out) {
		out = ""
		while (match(s, varies)) {
			out = out literal(substr(s, 1, RSTART - 1))
			c = substr(s, RSTART, 1)
			if (c == " ")
				out = out " +"
			else if (c == "/")
				out = out "/.*"
			else
				out = out "[0-9]+(ms|s|m|h)?"
			s = substr(s, RSTART + RLENGTH)
		}
		return out literal(s)
	}
	function pattern(s,    at, len) {
		if (!match(s, /plugind\.yaml:[0-9]+:[0-9]+: /))
			return loosen(s)
		at = RSTART
		len = RLENGTH
		return loosen(substr(s, 1, at - 1)) \
		    literal(substr(s, at, len)) loosen(substr(s, at + len))
	}
	BEGIN {
		varies = "[0-9]+(ms|s|m|h)?| +|/home/you|/usr/lib[^ ]*plugind"
	}
	FILENAME == ARGV[1] { want[++n] = "^ *" pattern($0) " *$"; next }
	i < n && $0 ~ want[i + 1] { i++ }
	END { exit i < n }
	' "$1" "$2"
}

# Whether a command only looks: then it is asked again until it is as shown.
only_looks() {
	case $1 in
	'pluginctl status'* | 'pluginctl logs'* | 'pluginctl failures'*)
		return 0
		;;
	esac
	return 1
}

# In this shell, as cd and export must last.
run_once() {
	eval "$command" >"$dir/out" 2>&1 </dev/null
	status=$?
	[ "$status" -eq "$want_status" ] || only_looks "$command" || {
		echo "(exit status $status, want $want_status)" >>"$dir/out"
		return 1
	}
	matches "$step.out" "$dir/out"
}

run_step() {
	until=$(($(date +%s) + deadline_s))
	until run_once; do
		only_looks "$command" && [ "$(date +%s)" -lt "$until" ] ||
			return 1
		sleep 0.1
	done
}

# The log of the first terminal must say so, sooner or later.
hear_step() {
	until=$(($(date +%s) + deadline_s))
	until cp "$dir/log" "$dir/out" && matches "$step.out" "$dir/out"; do
		[ "$(date +%s)" -lt "$until" ] || return 1
		sleep 0.1
	done
}

# `exec` so that the signals are the daemon's.
stay_step() {
	eval "exec $command" >"$dir/log" 2>&1 </dev/null &
	daemon=$!
	until=$(($(date +%s) + deadline_s))
	until [ -S run/control.sock ]; do
		cp "$dir/log" "$dir/out"
		kill -0 "$daemon" 2>/dev/null &&
			[ "$(date +%s)" -lt "$until" ] || return 1
		sleep 0.1
	done
}

install_once() {
	[ -z "$PKG_CONFIG_SYSROOT_DIR" ] || return 0
	DESTDIR=$dir/root meson install --no-rebuild --quiet -C "$build" \
		--tags devel,doc,runtime >"$dir/out" 2>&1 || return 1
	PKG_CONFIG_SYSROOT_DIR=$dir/root
	PKG_CONFIG_PATH=$(dirname "$(find "$dir/root" -name plugind.pc)")
	export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH
}

# Links of the installed pages, to pages that are not there.
dead_links() (
	cd "$documents" || exit
	grep -o '](\([^)#:]*\))' ./*.md | sed 's/.*](//; s/)$//' | sort -u |
		while read -r to; do
			[ -e "$to" ] || echo "$to"
		done
)

check_documents() {
	step=
	documents=$(dirname "$(find "$dir/root" -path '*/share/doc/*' \
		-name PLUGIN_GUIDE.md)")
	[ -f "$documents/PROTOCOL.md" ]
	report $? 'pages are installed'
	dead_links >"$dir/out"
	[ ! -s "$dir/out" ]
	report $? 'with what they link to'
	for name in hello echo; do
		# shellcheck disable=SC2046
		cc -Wall -Werror -fPIC -shared -o "$dir/$name.so" \
			"$documents/examples/$name.c" \
			$(pkg-config --cflags --libs plugind) >"$dir/out" 2>&1
		report $? "the installed $name.c compiles"
	done
	cmp "$src/sdk/examples/plain.py" "$documents/examples/plain.py" \
		>"$dir/out" 2>&1
	report $? 'plain.py is with them'
	libs=$(dirname "$(find "$dir/root" -name libplugind-mock.so)")
	cp -r "$documents/examples/template" "$dir/template" &&
		LD_LIBRARY_PATH=$libs make -C "$dir/template" all check \
			>"$dir/out" 2>&1
	report $? 'the installed template builds, and its tests pass'
}

take_step() {
	command=$(cat "$step.text")
	case $kind in
	file)
		cp "$step.text" "$about"
		report $? "$about"
		;;
	says)
		hear_step
		report $? 'the first terminal says it'
		;;
	stay)
		stay_step
		report $? "$command"
		;;
	installed)
		want_status=0
		install_once && run_step
		report $? "installed: $command"
		;;
	run)
		want_status=$about
		run_step
		report $? "$(echo "$command" | head -n 1)"
		;;
	esac
}

# A home with the clone in it, built.
HOME=$dir
export HOME
mkdir "$dir/plugind"
for entry in "$src"/*; do
	ln -s "$entry" "$dir/plugind/"
done
rm -f "$dir/plugind/build"
ln -s "$build" "$dir/plugind/build"

: >"$dir/out"
split_guide
for file in "$dir"/steps/*.kind; do
	step=${file%.kind}
	IFS=$tab read -r kind about <"$file"
	take_step
	# One that goes wrong makes others go wrong: they would only confuse.
	[ "$failed" -eq 0 ] || break
done
[ "$count" -gt 30 ]
report $? 'the guide has commands'
if [ "$failed" -eq 0 ]; then
	check_documents
fi

if [ -n "$daemon" ]; then
	kill -INT "$daemon"
	wait "$daemon"
	status=$?
	daemon=
	cp "$dir/log" "$dir/out"
	[ "$status" -eq 0 ]
	report $? '^C stops everything'
fi
echo "1..$count"
