#!/usr/bin/env bash
# Program: downloaders of several connections: PyPI parfive 2.3.1, pget 0.5.1,
#          mtdl 5.6, lianzz-downloader 1.4.0 and npm mt-downloader 2.2.2,
#          seen 2026-11-30 with Python 3.11 and Node.js 20.20.
# Guess:   when a server that says "Accept-Ranges: bytes" to HEAD answers a Range
#          with 200 and the whole file, as RFC 9110 section 14.2 lets it, they take
#          the whole or fail. axel and aria2 take the whole.
# Seen:    every part takes what comes for its own, and all of them report success:
#          files of several times the length, or of the right length and other bytes.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check parfive==2.3.1 pget==0.5.1 mtdl==5.6 lianzz-downloader==1.4.0 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp" mt-downloader@2.2.2 >/dev/null 2>&1
export HOME="$tmp" no_proxy=127.0.0.1

cat >server.py <<'PY'
import http.server
import random

WHOLE = random.Random(1).randbytes(12000000)

class Whole(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args): pass

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(WHOLE)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"one"')
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(WHOLE)

open("whole", "wb").write(WHOLE)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Whole)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port 2>/dev/null & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done
url="http://127.0.0.1:$(cat port)/out.zip"

cat >parfive.py.txt <<'PY'
import sys
from parfive import Downloader

downloader = Downloader(max_splits=4, progress=False)
downloader.enqueue_file(sys.argv[1], path=".")
sys.exit(len(downloader.download().errors))
PY
cat >pget.py.txt <<'PY'
import sys
from pget.down import Downloader

downloader = Downloader(sys.argv[1], "out.zip", 4)
downloader.start()
downloader.wait_for_finish()
PY

fetch() {
  name=$1; shift
  mkdir "$name"
  code=0; (cd "$name"; timeout 120 "$@" >log 2>&1 </dev/null) || code=$?
  verdict="the right bytes"; cmp -s whole "$name/out.zip" || verdict="not the right bytes"
  size=longer; [ "$(stat -c %s "$name/out.zip")" -gt 12000000 ] || size="as long"
  echo "$name: exit code $code, $size, $verdict"
}
{
  fetch parfive "$tmp/venv/bin/python" "$tmp/parfive.py.txt" "$url"
  fetch pget "$tmp/venv/bin/python" "$tmp/pget.py.txt" "$url"
  fetch mtdl "$tmp/venv/bin/mtdl" -o out.zip "$url"
  fetch lianzz-downloader "$tmp/venv/bin/fastdownloader" -o out.zip -n 4 "$url"
  fetch mt-downloader node "$tmp/node_modules/.bin/mtd" --url "$url"
} | tee seen
diff seen - <<'DONE'
parfive: exit code 0, longer, not the right bytes
pget: exit code 0, longer, not the right bytes
mtdl: exit code 0, longer, not the right bytes
lianzz-downloader: exit code 0, longer, not the right bytes
mt-downloader: exit code 0, as long, not the right bytes
DONE
