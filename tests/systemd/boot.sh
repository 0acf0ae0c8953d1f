#!/usr/bin/env bash
# Boots this machine's systemd over a copy-on-write view of its own files, with the project where
# an operator has it.  To be run as the first process of new namespaces; see machine.py.
#
#     boot.sh EMPTY_DIRECTORY REPOSITORY
set -euo pipefail
scratch=$1 repository=$2

mount --make-rprivate /
mount -t tmpfs none "$scratch"
mkdir "$scratch"/{upper,work,root}
root=$scratch/root
mount -t overlay none -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
mkdir -p "$root/opt/archive-service/source"
tar -C "$repository" --exclude-vcs --exclude=.venv --exclude='*.so' -c . |
    tar -C "$root/opt/archive-service/source" -x --no-same-owner

# The machine's own resolver, wherever the file lies.
rm -f "$root/etc/resolv.conf"
cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"

# Settings of the kernel are the machine's own: nothing in here may change them.
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 none "$root/sys/fs/cgroup"
mount -t tmpfs none "$root/run"
mount -t tmpfs -o mode=1777 none "$root/tmp"
mount -t tmpfs -o mode=0755 none "$root/dev"
mkdir "$root"/dev/{pts,shm}
ln -s pts/ptmx "$root/dev/ptmx"
for device in full null random tty urandom zero; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done

# A process of a mere chroot may make no user namespaces, which the unit asks for.
mkdir "$root/former"
cd "$root"
pivot_root . former
exec env -i container=test "PATH=$PATH" chroot . sh -c \
    'umount -l /former && exec /lib/systemd/systemd --system --unit=basic.target'
