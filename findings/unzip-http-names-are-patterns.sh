#!/usr/bin/env bash
# Program: unzip-http 0.7 (PyPI), its RemoteZipFile.extractall(), seen 2026-11-30 with
#          Python 3.11.
# Guess:   every file of the archive is extracted with its own data.
# Seen:    each name is taken for a shell pattern: "photo[1].jpg", as browsers name a second
#          download, gets the data of "photo1.jpg", and nothing is raised.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check unzip-http==0.7 2>/dev/null

cat >server.py <<'PY'
import http.server, io, zipfile

buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w") as archive:
    for name in "photo1.jpg", "photo[1].jpg", "photo2.jpg":
        archive.writestr(name, "the data of " + name)
DATA = buffer.getvalue()

class Ranges(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_HEAD(self): self.do_GET()
    def do_GET(self):
        first, last = 0, len(DATA) - 1
        if bounds := self.headers.get("Range", "").removeprefix("bytes="):
            first, last = map(int, bounds.split("-"))
            last = min(last, len(DATA) - 1)
        self.send_response(206 if bounds else 200)
        if bounds:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(DATA)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(DATA[first:last + 1])

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done
mkdir out
code=0
(cd out; timeout 60 ../venv/bin/python -c '
import sys, unzip_http
unzip_http.RemoteZipFile(sys.argv[1]).extractall()' "http://127.0.0.1:$(cat "$tmp/port")/album.zip") || code=$?
{
  echo "exit code $code"
  for name in photo1.jpg 'photo[1].jpg' photo2.jpg; do echo "$name: $(cat "out/$name" 2>/dev/null)"; done
} | tee seen
diff seen - <<'DONE'
exit code 0
photo1.jpg: the data of photo1.jpg
photo[1].jpg: the data of photo1.jpg
photo2.jpg: the data of photo2.jpg
DONE
