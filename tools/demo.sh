#!/bin/bash
# Builds plugind and runs it in the foreground with the demo plugins, in a
# directory of its own (/tmp/plugind-demo) that is removed at the end. ^C
# stops everything.
#
# usage: tools/demo.sh

set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
root=$PWD
dir=/tmp/plugind-demo
env_file=$dir/env

build() {
	tools/install.sh build demo
	if [ ! -f build/build.ninja ]; then
		meson setup build --buildtype=debugoptimized >/dev/null
	fi
	ninja -C build -j2 --quiet supervisor/core/plugind \
		supervisor/router/plugind-router pluginctl/pluginctl \
		pluginhost/plugind-launcher pluginhost/pluginhost \
		sdk/examples/hello.so
}

# The configuration is copied, so that trying things out changes nothing in
# the source tree. The place is fixed: what is printed below can be typed.
lay_out() {
	if ! mkdir -m 755 "$dir" 2>/dev/null && [ ! -O "$dir" ]; then
		echo "demo.sh: $dir belongs to somebody else" >&2
		exit 1
	fi
	cp config/demo/plugind.yaml "$dir/plugind.yaml"
	ln -sfn "$root/build/sdk/examples" "$dir/modules"
	cat >"$env_file" <<-END
		export PLUGIND_SOCKET=$dir/run/control.sock
		export PLUGIND_CONFIG=$dir/plugind.yaml
		export PATH=$root/build/pluginctl:\$PATH
	END
}

explain() {
	cat <<-END

		In a second terminal:

		    . $env_file

		    pluginctl status
		    pluginctl logs -f
		    kill -9 PID                    # of any plugin in the list ...
		    pluginctl status               # ... it is back, with a new pid
		    pluginctl why crasher          # why it does not run
		    pluginctl stop --cascade redis # what needs it stops first
		    pluginctl start --all
		    \${EDITOR:-vi} \$PLUGIND_CONFIG  # another greeting for hello:
		    pluginctl apply                # it says it, same pid
		    pluginctl logs hello
		    \${EDITOR:-vi} \$PLUGIND_CONFIG  # break it, and then:
		    pluginctl config check
		    pluginctl plan                 # repair or change it, and then:
		    pluginctl apply

		^C here stops everything.

	END
}

clean_up() {
	rm -rf "$dir"
}

# The daemon gets ^C itself, being in the foreground too: the shell only
# waits for it to stop its plugins in order.
run() {
	trap clean_up EXIT
	trap : INT
	trap 'kill -TERM "$pid" || true' TERM HUP
	build/supervisor/core/plugind --config "$dir/plugind.yaml" &
	pid=$!
	status=0
	while :; do
		wait "$pid" && status=0 || status=$?
		kill -0 "$pid" 2>/dev/null || return "$status"
	done
}

build
lay_out
explain
run
