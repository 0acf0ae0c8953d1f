#!/usr/bin/env bash
# Program: HTTrack 3.49-4 (Debian httrack 3.49.4-1), seen 2026-11-29.
# Guess:   when the one address it was given cannot be fetched, httrack exits
#          non-zero.
# Seen:    404, a body cut in the middle and a refused connection all end with
#          "Done." and exit code 0, and no file. Only its log file has the error.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
apt-get download -q httrack=3.49.4-1 libhttrack2=3.49.4-1 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu"

cat >server.py <<'PY'
import http.server

class Broken(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        missing = "missing" in self.path
        self.send_response(404 if missing else 200)
        self.send_header("Content-Length", "0" if missing else "1000000")
        self.end_headers()
        if not missing and self.command == "GET":
            self.wfile.write(bytes(500000))
    do_HEAD = do_GET

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broken)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done
closed=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

for case in "missing $(cat port)" "cut $(cat port)" "refused $closed"; do
  name=${case% *}; code=0
  timeout 60 root/usr/bin/httrack "http://127.0.0.1:${case#* }/$name.bin" -O "$tmp/$name" -q -r1 -R1 -T5 -I0 >"$name.log" 2>&1 </dev/null || code=$?
  echo "$name: exit code $code, last words \"$(grep -o '^Done\.' "$name.log" | tail -1)\", files saved: $(find "$name" -name '*.bin*' | wc -l), errors in its log: $(grep -c 'Error:' "$name/hts-log.txt")"
done | tee seen
[ "$(grep -c 'exit code 0, last words "Done.", files saved: 0, errors in its log: [1-9]' seen)" = 3 ]
