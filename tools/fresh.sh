#!/bin/bash
# Proves that a machine with nothing on it can build, test and show this
# project: a minimal Debian 12 in a temporary directory, a clean clone of
# this repository in it, then tools/test.sh quick and tools/demo.sh.
#
# Packages come from where this machine's own apt gets them. Everything runs
# in mount and pid namespaces of its own, so that mounts and processes end
# with it, and the directory is removed however it ends. Needs root, 2 GB
# of disk and some minutes.
#
# usage: tools/fresh.sh [--keep]     (--keep leaves the directory)

set -euo pipefail
self=$(readlink -f "$0")
repo=$(dirname "$self")/..
release=bookworm

# The archive that this machine takes the release from.
archive() {
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --format '$(CODENAME) $(REPO_URI)' \
		'Created-By: Packages' |
		awk -v want="$release" '$1 == want { print $2; exit }'
}

make_root() {
	local from
	from=$(archive)
	if [ -z "$from" ]; then
		echo "fresh.sh: apt here knows no archive of $release" >&2
		exit 1
	fi
	debootstrap --variant=minbase --include=ca-certificates "$release" \
		"$root" "$from" >"$root.log" || {
		tail -n 20 "$root.log" >&2
		exit 1
	}
	rm -f "$root/etc/apt/sources.list"
	cp -rL /etc/apt/sources.list* /etc/apt/trusted.gpg.d "$root/etc/apt/"
	apt-config dump Acquire >"$root/etc/apt/apt.conf.d/99host"
	cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" \
		2>/dev/null || true
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
	git clone -q --no-hardlinks "$repo" "$root/src"
}

# Inside the namespaces, as their first process.
enter() {
	mount --make-rprivate /
	mount -t proc proc /proc
	make_root
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount -t tmpfs -o mode=755 tmpfs "$root/dev"
	local node
	for node in null zero full random urandom tty; do
		: >"$root/dev/$node"
		mount --bind "/dev/$node" "$root/dev/$node"
	done
	mkdir "$root/dev/shm" "$root/dev/pts"
	mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LANG=C.UTF-8 CI="${CI:-}" \
		bash /src/tools/fresh.sh --inside
}

# Inside the new machine.
inside() {
	cd /src
	echo "== tools/test.sh quick"
	tools/test.sh quick
	echo "== tools/demo.sh"
	tools/demo.sh >/tmp/demo.log 2>&1 &
	local demo=$! deadline=$((SECONDS + 120)) up=
	while kill -0 "$demo" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ]; do
		if demo_status | grep -E '^redis +running'; then
			up=yes
			break
		fi
		sleep 0.5
	done
	kill "$demo" 2>/dev/null || true
	wait "$demo" || true
	if [ -z "$up" ]; then
		tail -n 60 /tmp/demo.log
		echo "fresh.sh: redis of the demo did not come up" >&2
		exit 1
	fi
	echo "fresh: tests pass and the demo runs"
}

demo_status() (
	# shellcheck disable=SC1091
	. /tmp/plugind-demo/env && pluginctl status
) 2>/dev/null

clean_up() {
	if [ -n "$child" ]; then
		kill -KILL "$child" 2>/dev/null || true
		wait "$child" || true
	fi
	if [ -n "$keep" ]; then
		echo "kept: $work"
	else
		rm -rf --one-file-system "$work"
	fi
}

outside() {
	if [ "$(id -u)" != 0 ]; then
		exec sudo "$self" "$@"
	fi
	"$repo/tools/install.sh" fresh
	work=$(mktemp -d /var/tmp/plugind-fresh.XXXXXX)
	trap clean_up EXIT
	trap 'exit 130' INT TERM HUP
	unshare --mount --pid --fork --kill-child "$self" --enter "$work/root" &
	child=$!
	wait "$child"
	child=
}

keep=
child=
case ${1:-} in
--enter)
	root=$2
	enter
	;;
--inside) inside ;;
--keep)
	keep=yes
	outside "$@"
	;;
'') outside ;;
*)
	sed -n '/^# usage/s/^# //p' "$0" >&2
	exit 2
	;;
esac
