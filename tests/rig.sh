# rig.sh: what the tests in shell share; to be sourced. A directory of the
# test's own in $dir, PLUGIND_SOCKET in it, points in TAP, and an end that
# takes the daemon (its pid in $daemon, if there is one) and the directory.
#
# shellcheck shell=sh disable=SC2034,SC2154 # $daemon, $pluginctl: the test has them

count=0
daemon=

dir=$(mktemp -d) || exit 1
chmod 755 "$dir" # root's router is another user
PLUGIND_SOCKET=$dir/run/control.sock
export PLUGIND_SOCKET
unset NO_COLOR PLUGIND_CONFIG VISUAL

finish() {
	if [ -n "$daemon" ]; then
		kill -TERM "$daemon" 2>/dev/null
		wait "$daemon"
	fi
	rm -rf "$dir"
}
trap finish EXIT

# ok NAME: the last command's result.
ok() {
	result=$?
	count=$((count + 1))
	if [ "$result" -eq 0 ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		sed 's/^/# /' "$dir/out" "$dir/err" "$dir/log" 2>/dev/null
	fi
}

# until_so COMMAND...: again and again, until it succeeds
until_so() {
	until=$(($(date +%s) + 60))
	until "$@" >"$dir/out" 2>&1; do
		[ "$(date +%s)" -lt "$until" ] || return 1
		sleep 0.1
	done
}

# What the last one has said.
prints() {
	grep -q -e "$1" "$dir/out"
}

said() {
	grep -q -e "$1" "$dir/err"
}

# exits CODE ARG...: pluginctl does; $dir/out and $dir/err are what it said.
exits() {
	want=$1
	shift
	"$pluginctl" "$@" >"$dir/out" 2>"$dir/err" </dev/null
	got=$?
	[ "$got" -eq "$want" ] || {
		echo "# pluginctl $*: exit $got, want $want"
		return 1
	}
}
