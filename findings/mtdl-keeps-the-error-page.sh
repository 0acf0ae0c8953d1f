#!/usr/bin/env bash
# Program: PyPI mtdl 5.6, a downloader of several connections, seen 2026-11-30
#          with Python 3.11.
# Guess:   a part that a busy server answers with 503 and Retry-After is asked for
#          again, or the download fails. axel asks again, aria2 fails.
# Seen:    it does not look at the status: the text of the 503 takes the place of the
#          part, the file gets its final name, and the exit code is 0.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check mtdl==5.6 2>/dev/null
export HOME="$tmp" no_proxy=127.0.0.1

cat >server.py <<'PY'
import http.server

SIZE = 3000000
BUSY = b"Too many downloads at once.\n"

class Busy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args): pass

    def do_HEAD(self):
        self.answer(200, SIZE)

    def do_GET(self):
        first, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")
        first, last = int(first), min(int(last or SIZE), SIZE - 1)
        if first:
            self.answer(503, len(BUSY), ("Retry-After", "1"))
            return self.wfile.write(BUSY)
        self.answer(206, last + 1, ("Content-Range", "bytes 0-%d/%d" % (last, SIZE)))
        self.wfile.write(b"x" * (last + 1))

    def answer(self, status, length, *fields):
        self.send_response(status)
        for name, value in ("Content-Length", str(length)), ("Accept-Ranges", "bytes"), *fields:
            self.send_header(name, value)
        self.end_headers()

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port 2>/dev/null & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done

code=0; timeout 60 venv/bin/mtdl -o out.zip "http://127.0.0.1:$(cat port)/album.zip" >log 2>&1 </dev/null || code=$?
{
  echo "exit code $code"
  echo "in the file: $(grep -ao -m1 'Too many downloads at once' out.zip | head -n 1)"
} | tee seen
diff seen - <<'DONE'
exit code 0
in the file: Too many downloads at once
DONE
