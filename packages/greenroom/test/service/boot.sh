#!/bin/sh
# Becomes process 1 of a machine of its own: systemd, on a copy-on-write view of this machine's files. Run as root in new namespaces by machine.ts.
# boot.sh UPPER WORK ROOT CHECKOUT INSTALLED
set -eu
upper=$1 work=$2 root=$3 checkout=$4 installed=$5
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$upper,workdir=$work" "$root"
# This machine's own services are none of its business.
if [ ! -e "$root/etc/booted" ]; then
  rm -rf "$root"/etc/systemd/system/*.wants
  : >"$root/etc/booted"
fi
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
  mkdir "$root/sys/fs/cgroup/systemd"
  mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
fi
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$root/$folder"; done
chmod 1777 "$root/tmp"
mkdir -p "$root/run/lock" "$root/dev/shm" "$root/dev/pts" "$root$installed"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount --bind "$checkout" "$root$installed"
# SIOCSIFFLAGS with IFF_UP and IFF_RUNNING, without a package for it.
python3 -c "import socket, fcntl, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh', b'lo', 0x41))"
exec env -i container=podman PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /lib/systemd/systemd --unit=multi-user.target --log-target=journal --show-status=no
