#!/usr/bin/env bash
# Program: mergerfs 2.33.5 (Debian mergerfs 2.33.5-1), seen 2026-11-29 with its
#          caches off. Needs /dev/fuse and the right to mount.
# Guess:   a file made in a folder of the mount moves the folder's modification
#          time, as in every other file system.
# Seen:    stat answers for the folder on the first branch that has it. A file
#          that goes to the second branch shows up in the listing while the
#          time, and so every cache that trusts it, stays as it was.
#          func.getattr=newest mends it.
set -euo pipefail
tmp=$(mktemp -d)
finish() { ! mountpoint -q "$tmp/mnt" || fusermount3 -u "$tmp/mnt" || fusermount -u "$tmp/mnt" || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
[ -w /dev/fuse ] || { echo "no /dev/fuse here: nothing seen"; exit 2; }
apt-get download -q mergerfs=2.33.5-1 >/dev/null 2>&1
dpkg -x mergerfs_*.deb root

mkdir -p one/album two/album mnt
for policy in ff newest; do
  rm -f two/album/*
  touch -d '2020-01-01 UTC' one/album two/album
  timeout 60 root/usr/bin/mergerfs -o "cache.attr=0,cache.entry=0,func.getattr=$policy" one=NC:two mnt
  before=$(stat -c %Y mnt/album)
  echo photo >mnt/album/new.jpg
  after=$(stat -c %Y mnt/album)
  [ "$before" = "$after" ] && moved=no || moved=yes
  echo "func.getattr=$policy: the folder lists [$(ls mnt/album)], its time moved: $moved"
  fusermount3 -u mnt || fusermount -u mnt
done | tee seen
diff seen - <<'EOF'
func.getattr=ff: the folder lists [new.jpg], its time moved: no
func.getattr=newest: the folder lists [new.jpg], its time moved: yes
EOF
