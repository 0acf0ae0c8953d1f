#!/usr/bin/env bash
# Program: WsgiDAV 4.4.0 with cheroot 11.1.2 (PyPI), seen 2026-11-29.
# Guess:   a PUT whose body ends before its Content-Length is an error, and the
#          file that was there stays.
# Seen:    the old file is overwritten in place, and 300 bytes of the promised
#          5000 are answered with 204 and an entity tag, like a full upload.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check wsgidav==4.4.0 cheroot==11.1.2 2>/dev/null
mkdir data
head -c 1000 /dev/zero >data/photo.bin

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
venv/bin/wsgidav --host 127.0.0.1 --port "$port" --root data --auth anonymous --server cheroot >log 2>&1 & server=$!
for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.2; done

python3 - "$port" <<'PY' | tee seen
import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30) as connection:
    connection.sendall(b"PUT /photo.bin HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + b"y" * 300)
    connection.shutdown(socket.SHUT_WR)
    print("300 of 5000 bytes sent:", connection.recv(65536).split(b"\r\n")[0].decode())
PY
echo "bytes on disk: $(stat -c %s data/photo.bin)"
grep -q 'HTTP/1.1 204' seen && [ "$(stat -c %s data/photo.bin)" = 300 ]
