#!/usr/bin/env bash
# Program: copyparty 1.20.26 (PyPI), seen 2026-11-29.
# Guess:   a PUT that is cut half-way leaves nothing, or a file that ends in
#          .PARTIAL, as an upload from its own page does.
# Seen:    the half stays beside the old file as a picture of its own, named
#          photo.jpg-TIME-RANDOM.jpg.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check copyparty==1.20.26 2>/dev/null

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir album
head -c 800000 /dev/zero >album/photo.jpg
HOME=$tmp venv/bin/copyparty -q -i 127.0.0.1 -p "$port" -v "$tmp/album::rw" --hist "$tmp/history" >log 2>&1 & server=$!
for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.2; done

python3 - "$port" <<'PY'
import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30) as connection:
    connection.sendall(b"PUT /photo.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 500_000)
PY
whole() { find album -name 'photo.jpg-*.jpg' -size 500000c | grep -q .; }
for _ in $(seq 50); do whole && break; sleep 0.2; done
sleep 3
(cd album && stat -c '%s bytes: %n' -- *)
whole && [ "$(stat -c %s album/photo.jpg)" = 800000 ]
