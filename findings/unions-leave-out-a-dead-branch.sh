#!/usr/bin/env bash
# Program: mergerfs 2.33.5 and unionfs-fuse 1.0 (Debian mergerfs 2.33.5-1, unionfs-fuse
#          1.0-1+b1) over a branch that is a FUSE mount (bindfs 1.14.7-1), seen 2026-11-30.
#          Needs /dev/fuse and the right to mount.
# Guess:   while a branch answers every call with an error (ENOTCONN: its program has ended),
#          a folder that lies on this branch and on another can't be listed, or `ls` says so.
# Seen:    both list the files of the branch that is left, and nothing else: `ls` and `tar`
#          exit 0 with a part of the folder, as if the other files had been deleted.
# For us:  an album on such a mount is sent without them; no check of a file can notice it.
set -euo pipefail
tmp=$(mktemp -d)
finish() { cd /; for at in union branch; do umount -l "$tmp/$at" 2>/dev/null || true; done; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
[ -w /dev/fuse ] || { echo "no /dev/fuse here: nothing seen"; exit 2; }
apt-get download -q mergerfs=2.33.5-1 unionfs-fuse=1.0-1+b1 bindfs=1.14.7-1 libfuse2=2.9.9-6+b1 libfuse3-3=3.14.0-4 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/lib/$(uname -m)-linux-gnu:$tmp/root/usr/lib/$(uname -m)-linux-gnu"
mkdir -p disk/album other/album branch union
echo photo >disk/album/1.jpg
echo photo >other/album/2.jpg

with_dead_branch() {
  root/usr/bin/bindfs -f disk branch &
  bindfs=$!
  until mountpoint -q branch; do sleep 0.1; done
  timeout 60 root/usr/bin/"$@" union
  before=$(ls union/album | tr '\n' ' ')
  kill -9 $bindfs
  wait $bindfs 2>/dev/null || true
  sleep 2
  ls branch >/dev/null 2>&1 && branch=answers || branch=fails
  ls union/album >listed && listing=0 || listing=failed
  tar -cf copy.tar union/album && copying=0 || copying=failed
  echo "$1: $before; the branch $branch: $(tr '\n' ' ' <listed); ls $listing, tar $copying"
  umount -l union
  umount -l branch
}
{ with_dead_branch mergerfs "$tmp/branch:$tmp/other"; with_dead_branch unionfs-fuse "$tmp/branch=RO:$tmp/other=RO"; } | tee seen
diff seen - <<'DONE'
mergerfs: 1.jpg 2.jpg ; the branch fails: 2.jpg ; ls 0, tar 0
unionfs-fuse: 1.jpg 2.jpg ; the branch fails: 2.jpg ; ls 0, tar 0
DONE
