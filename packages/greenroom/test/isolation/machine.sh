#!/bin/sh
# Becomes process 1 of a machine whose users are its own. Run as root in new mount and process namespaces by machine.ts, and ends with its input.
# machine.sh FOLDER CHECKOUT NODE
set -eu
folder=$1 checkout=$2 node=$3
mount --make-rprivate /
# By a tmpfs, because not every file system can be the upper layer of an overlay.
mount -t tmpfs -o mode=700 tmpfs "$folder/layers"
for name in etc var; do
  mkdir "$folder/layers/$name" "$folder/layers/$name.work"
  mount -t overlay overlay -o "lowerdir=/$name,upperdir=$folder/layers/$name,workdir=$folder/layers/$name.work" "/$name"
done
mount -t proc proc /proc
# Where every user can read it, wherever this checkout and its Node lie.
mount --bind "$checkout" "$folder/greenroom"
mount --bind "$node" "$folder/bin/node"
echo ready
# The end of a child is ignored, so that the kernel itself buries the orphans that process 1 gets.
exec python3 -c 'import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); sys.stdin.read()'
