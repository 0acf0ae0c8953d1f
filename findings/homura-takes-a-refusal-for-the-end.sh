#!/usr/bin/env bash
# Program: homura 0.1.5 of PyPI with pycurl 7.49.0, seen 2026-11-30 with Python 3.11.
# Guess:   a continuation that the server refuses (412, 404, a 200 without a range) is
#          an error, as it is for curl -C -.
# Seen:    download() returns as after success, and the half stands under the file's
#          final name.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
export HOME="$tmp" no_proxy=127.0.0.1
python3 -m venv env
env/bin/pip install --quiet homura==0.1.5 pycurl==7.49.0 'setuptools<80' >/dev/null 2>&1

cat >server.py <<'PY'
import http.server

SIZE = 1000000

class Refuses(http.server.BaseHTTPRequestHandler):
    """Sends half of a file, then refuses the rest with the status that the path names."""

    def log_message(self, *args): pass

    def do_GET(self):
        is_rest = "Range" in self.headers
        self.send_response(int(self.path.strip("/")) if is_rest else 200)
        self.send_header("Content-Length", str(SIZE))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        self.wfile.write(bytes(SIZE if is_rest else SIZE // 2))

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuses)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port 2>/dev/null & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done

for status in 412 404 200; do
  code=0
  timeout 60 env/bin/python -W ignore -c 'import sys, homura; homura.download(sys.argv[1], path=sys.argv[2], show_progress=False)' \
    "http://127.0.0.1:$(cat port)/$status" "$status.zip" >log 2>&1 || code=$?
  echo "the rest is a $status: exit code $code, $(stat -c '%s bytes' "$status.zip")"
done | tee seen
diff seen - <<'DONE'
the rest is a 412: exit code 0, 500000 bytes
the rest is a 404: exit code 0, 500000 bytes
the rest is a 200: exit code 0, 500000 bytes
DONE
