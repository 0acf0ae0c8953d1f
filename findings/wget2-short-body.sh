#!/usr/bin/env bash
# Program: GNU Wget2 1.99.1 (Debian wget2 1.99.1-2.2), seen 2026-11-29.
# Guess:   when the server closes in the middle of a body with a Content-Length,
#          wget2 exits non-zero, as wget 1.x does (code 4).
# Seen:    it prints "Just got 500000 of 1000000 bytes", keeps the half file
#          under its final name, and exits 0.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"

apt-get download -q wget2=1.99.1-2.2 libwget0=1.99.1-2.2 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu"

cat >server.py <<'PY'
import http.server

class Half(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(bytes(500000))

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Half)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done

code=0
timeout 60 root/usr/bin/wget2 --tries=1 -O out.bin "http://127.0.0.1:$(cat port)/out.bin" 2>&1 || code=$?
size=$(stat -c %s out.bin)
echo "wget2 exit code $code, $size bytes of 1000000 on disk"
[ "$code" = 0 ] && [ "$size" = 500000 ]
