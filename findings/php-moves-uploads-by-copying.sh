#!/usr/bin/env bash
# Program: PHP 8.2.36 (Debian php8.2-cli 8.2.36-1~deb12u1), move_uploaded_file(), seen
#          2026-11-30. Needs /dev/shm on another file system than /tmp.
# Guess:   "moves an uploaded file" is a rename: under the new name stands the old photograph,
#          or the new one.
# Seen:    where upload_tmp_dir lies on another file system (a /tmp in memory, a volume of a
#          container), the old photograph is emptied, and the new one copied into it. Meanwhile
#          readers get a part.
# For us:  the service waits while PHP has the file open; a killed PHP leaves a part.
set -euo pipefail
tmp=$(mktemp -d); there=$(mktemp -d -p /dev/shm); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$tmp" "$there"; }
trap finish EXIT
cd "$tmp"
[ "$(stat -c %d "$there")" != "$(stat -c %d "$tmp")" ] || { echo "one file system: nothing seen"; exit 2; }
apt-get download -q php8.2-cli=8.2.36-1~deb12u1 php8.2-common=8.2.36-1~deb12u1 libargon2-1 \
  libsodium23 libpcre2-8-0 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu"
echo '<?php move_uploaded_file($_FILES["f"]["tmp_name"], "photo.jpg");' >upload.php
size=400000000
head -c "$size" /dev/zero >new.jpg
port=$((20000 + RANDOM % 10000))

sizes_while_uploading() {
  head -c 1000 /dev/zero >photo.jpg
  "$tmp/root/usr/bin/php8.2" -n -d upload_tmp_dir="$1" -d upload_max_filesize=1G \
    -d post_max_size=1G -S "127.0.0.1:$port" upload.php >/dev/null 2>&1 & server=$!
  for _ in $(seq 100); do curl -so /dev/null "127.0.0.1:$port" && break; sleep 0.1; done
  curl -sSf -F f=@new.jpg "127.0.0.1:$port" & client=$!
  while kill -0 "$client" 2>/dev/null; do stat -c %s photo.jpg; done |
    sort -un | awk -v whole="$size" '$1 != 1000 && $1 < whole {n++} END {print n ? "parts" : "no part"}'
  wait "$client"
  kill "$server"; wait "$server" || true; server=
  port=$((port + 1))
}
{
  mkdir here
  echo "from the same file system: $(sizes_while_uploading "$tmp/here")"
  echo "from another: $(sizes_while_uploading "$there")"
} | tee seen
diff seen - <<'DONE'
from the same file system: no part
from another: parts
DONE
