#!/usr/bin/env bash
# Program: 7-Zip 26.02 (Debian 7zip 22.01+really26.02+dfsg-0+deb12u1), "7z x", seen 2026-11-30.
# Guess:   of a file that is unpacked, inotify reports MODIFY while it is written, CLOSE_WRITE
#          when it is whole, and then ATTRIB at most.
# Seen:    MODIFY comes once more behind CLOSE_WRITE, and no other CLOSE_WRITE follows: 7-Zip
#          sets the time of modification alone, by the name, and the kernel reports that so.
#          tar, unzip and bsdtar set it before the close, or together with the time of access.
# For us:  who takes a MODIFY without a CLOSE_WRITE for a writer has to compare the file's time.
set -euo pipefail
tmp=$(mktemp -d); watch=
finish() { [ -z "$watch" ] || kill "$watch" 2>/dev/null || true; wait; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
apt-get download -q 7zip=22.01+really26.02+dfsg-0+deb12u1 inotify-tools=3.22.6.0-4 \
  libinotifytools0=3.22.6.0-4 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu"
zip=$(find root/usr -type f -name '7zz' -o -type f -name '7z' | head -n 1)

mkdir album
head -c 100000 /dev/urandom >photo.jpg
"$zip" a -bso0 -bsp0 a.7z photo.jpg
"$zip" a -bso0 -bsp0 a.tar photo.jpg
watched() {
  root/usr/bin/inotifywait -q -m -e modify,close_write --format %e album >events & watch=$!
  sleep 1
  "$@"
  sleep 1
  kill "$watch"; wait "$watch" || true; watch=
  uniq events | sed 's/CLOSE_WRITE,CLOSE/CLOSE_WRITE/' | tr '\n' ' '
  rm album/*
}
{
  echo "tar: $(watched tar xf a.tar -C album)"
  echo "7-Zip: $(watched "$zip" x -bso0 -bsp0 -oalbum a.7z)"
} | tee seen
diff seen - <<'DONE'
tar: MODIFY CLOSE_WRITE 
7-Zip: MODIFY CLOSE_WRITE MODIFY 
DONE
