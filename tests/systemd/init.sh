#!/bin/sh
# First process of the namespaces that test_service.py makes: lays out what
# systemd needs, privately, and becomes it. Everything mounted here goes with
# the mount namespace.
#
# usage: init.sh DESTDIR PREFIX LIBDIR LOG
set -eu
destdir=$1
prefix=$2
libdir=$3
log=$4

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/test/etc /run/test/units /run/test/console
: >/run/test/console/log

# A copy of /etc, so that a group and a configuration can be added.
cp -a /etc/. /run/test/etc/
rm -rf /run/test/etc/plugind
mount --bind /run/test/etc /etc

mount --bind "$destdir$prefix" "$prefix"
mount --bind "$log" /run/test/console/log

mount -t tmpfs -o mode=755 tmpfs /var
mkdir -p /var/lib /var/log /var/cache
# For programs that use the library.
echo "$libdir" >/etc/ld.so.conf.d/plugind.conf
ldconfig
mkdir -m 1777 /var/tmp
ln -s /run /var/run
mount -t tmpfs -o mode=1777 tmpfs /tmp

# One unified tree, as on a stock Debian 12, whatever the machine has.
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind /run/test/console/log /dev/console
ip link set lo up 2>/dev/null || true

# Without these targets systemd gives up with 255 and no word.
for target in sysinit basic shutdown default; do
	printf '[Unit]\nDefaultDependencies=no\n' \
		>"/run/test/units/$target.target"
done
# There is no journal here.
mkdir /run/test/units/plugind.service.d
printf '[Service]\nStandardOutput=append:%s\nStandardError=inherit\n' \
	/run/test/console/log >/run/test/units/plugind.service.d/log.conf

systemd-sysusers "$prefix/lib/sysusers.d/plugind.conf"
mkdir /etc/plugind
exec env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
	container=lxc \
	SYSTEMD_UNIT_PATH="/run/test/units:$prefix/lib/systemd/system" \
	/lib/systemd/systemd --log-target=console --log-level=info \
	--show-status=no
