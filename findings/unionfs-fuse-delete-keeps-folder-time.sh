#!/usr/bin/env bash
# Program: unionfs-fuse 1.0 with -o cow (Debian unionfs-fuse 1.0-1+b1), seen
#          2026-11-30. Needs /dev/fuse and the right to mount.
# Guess:   deleting a file in a folder of the mount moves the folder's
#          modification and change times, as in every other file system.
# Seen:    a file of the read-only branch disappears from the listing, and both
#          times stand still: the deletion is a mark in a folder .unionfs-fuse at
#          the top of the mount, which is listed there as if it were content.
set -euo pipefail
tmp=$(mktemp -d)
finish() { ! mountpoint -q "$tmp/mnt" || fusermount3 -u "$tmp/mnt" || fusermount -u "$tmp/mnt" || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
[ -w /dev/fuse ] || { echo "no /dev/fuse here: nothing seen"; exit 2; }
apt-get download -q unionfs-fuse=1.0-1+b1 libfuse2=2.9.9-6+b1 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu:$tmp/root/lib/$(uname -m)-linux-gnu"

mkdir -p upper/album lower/album mnt
echo photo >lower/album/1.jpg
echo photo >lower/album/2.jpg
touch -d '2020-01-01 UTC' upper/album lower/album
timeout 60 root/usr/bin/unionfs-fuse -o cow upper=RW:lower=RO mnt
{
  before=$(stat -c '%Y %Z' mnt/album)
  sleep 1.1
  rm mnt/album/1.jpg
  sleep 1.1
  after=$(stat -c '%Y %Z' mnt/album)
  [ "$before" = "$after" ] && moved=no || moved=yes
  echo "deleted 1.jpg: the folder lists [$(ls mnt/album)], its times moved: $moved"
  echo "the top of the mount: $(ls -A mnt | sort | tr '\n' ' ')"
} | tee seen
diff seen - <<'DONE'
deleted 1.jpg: the folder lists [2.jpg], its times moved: no
the top of the mount: .unionfs-fuse album 
DONE
