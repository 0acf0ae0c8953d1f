#!/usr/bin/env bash
# Program: lftp 4.9.2 (Debian lftp 4.9.2-2+b1), seen 2026-11-30.
# Guess:   where the first of its connections is lost, `pget -c` fetches what is
#          missing, at once or when it is run again, as `get -c` does.
# Seen:    it fails without a word of what is missing: the file has its full size,
#          a hole, and no status file beside it.  Run again it asks for the bytes
#          behind the end alone, takes the 416 for success, and exits 0.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
apt-get download -q lftp=4.9.2-2+b1 libreadline8 libtinfo6 libgnutls30 libidn2-0 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu:$tmp/root/lib/$(uname -m)-linux-gnu"
export HOME="$tmp" no_proxy=127.0.0.1

cat >server.py <<'PY'
import http.server
import time

SIZE, HELD = 4000000, 700000

class LosesTheFirst(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    is_first = True

    def log_message(self, *args): pass

    def do_GET(self):
        asked = self.headers.get("Range")
        first, _, last = (asked or "bytes=0-").removeprefix("bytes=").partition("-")
        first, last = int(first), min(int(last or SIZE), SIZE - 1)
        with open("requests", "a") as requests:
            requests.write("%s\n" % asked)
        if first >= SIZE:
            self.send_response(416)
            self.send_header("Content-Range", "bytes */%d" % SIZE)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (first, last, SIZE))
        self.send_header("Content-Length", str(last + 1 - first))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if not LosesTheFirst.is_first:
            self.wfile.write(b"x" * (last + 1 - first))
            return
        LosesTheFirst.is_first = False
        for _ in range(14):
            self.wfile.write(b"x" * (HELD // 14))
            time.sleep(0.03)
        time.sleep(1)
        self.close_connection = True

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), LosesTheFirst)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done

for _ in first again; do
  code=0
  timeout 60 "$tmp/root/usr/bin/lftp" -c "pget -c -n 4 http://127.0.0.1:$(cat port)/album.zip -o out.zip" 2>/dev/null || code=$?
  hole=no
  [ "$(tr -d '\0' <out.zip | wc -c)" = 4000000 ] || hole=yes
  echo "exit code $code, $(stat -c %s out.zip) bytes, a hole: $hole, files: $(echo out.zip*)"
done | tee seen
echo "asked for last: $(tail -n 1 requests)" | tee -a seen
diff seen - <<'DONE'
exit code 1, 4000000 bytes, a hole: yes, files: out.zip
exit code 0, 4000000 bytes, a hole: yes, files: out.zip
asked for last: bytes=4000000-
DONE
