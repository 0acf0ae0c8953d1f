#!/usr/bin/env bash
# Program: PyPI parfive 2.3.1, pget 0.5.1 and lianzz-downloader 1.4.0,
#          seen 2026-11-30 with Python 3.11.
# Guess:   when a 206 encloses less than was asked for, as its Content-Range says,
#          they ask for the rest (RFC 9110 section 15.3.7 wants a client to look)
#          or fail. axel, aria2, mtdl and PyPI bdownload ask for the rest.
# Seen:    they do not look at the Content-Range and report success: parfive and
#          pget with the parts moved together, lianzz-downloader with holes.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check parfive==2.3.1 pget==0.5.1 lianzz-downloader==1.4.0 2>/dev/null
export HOME="$tmp" no_proxy=127.0.0.1

cat >server.py <<'PY'
import http.server
import random

WHOLE = random.Random(1).randbytes(12000000)
MOST = 1000000

class Little(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args): pass

    def do_HEAD(self):
        self.answer(200, len(WHOLE))

    def do_GET(self):
        asked = self.headers.get("Range")
        if not asked:
            self.answer(200, len(WHOLE))
            return self.wfile.write(WHOLE)
        first, last = asked.removeprefix("bytes=").split("-")
        first, last = int(first), min(int(last or len(WHOLE)), len(WHOLE) - 1, int(first) + MOST - 1)
        self.answer(206, last - first + 1, "bytes %d-%d/%d" % (first, last, len(WHOLE)))
        self.wfile.write(WHOLE[first : last + 1])

    def answer(self, status, length, content_range=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"one"')
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()

open("whole", "wb").write(WHOLE)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Little)
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
  size="as long"; [ "$(stat -c %s "$name/out.zip")" -eq 12000000 ] || size=shorter
  echo "$name: exit code $code, $size, $verdict"
}
{
  fetch parfive "$tmp/venv/bin/python" "$tmp/parfive.py.txt" "$url"
  fetch pget "$tmp/venv/bin/python" "$tmp/pget.py.txt" "$url"
  fetch lianzz-downloader "$tmp/venv/bin/fastdownloader" -o out.zip -n 4 "$url"
} | tee seen
diff seen - <<'DONE'
parfive: exit code 0, shorter, not the right bytes
pget: exit code 0, shorter, not the right bytes
lianzz-downloader: exit code 0, as long, not the right bytes
DONE
