#!/usr/bin/env bash
# Program: compression in front of files: PyPI brotli-asgi 1.7.0, zstd-asgi 1.0 and
#          asgi-gzip 0.3 (starlette 1.10.0, uvicorn 0.54.0) and npm @polka/compression
#          1.0.0-next.28 (sirv 3.0.2), seen 2026-11-30 with Python 3.11 and Node.js 20.20.
# Guess:   a 206 is passed on as it is, as Starlette's own middleware does, or the ranges
#          are parts of the compressed file (RFC 9110 section 14.2: the range counts in
#          the encoded bytes).
# Seen:    each range is compressed by itself, under the Content-Range of the plain bytes
#          and the tag of the plain file. Half of the compressed file and "the rest", asked
#          for with If-Range and the same Accept-Encoding, are no file. Those of Python
#          do it to application/zip, too.
# For us:  a service of downloads with resume must not stand behind them. This project's
#          answers have a Content-Length and are best passed by a front as they are.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check brotli-asgi==1.7.0 zstd-asgi==1.0 asgi-gzip==0.3 \
  starlette==1.10.0 uvicorn==0.54.0 brotli==1.2.1 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp" @polka/compression@1.0.0-next.28 sirv@3.0.2 >/dev/null 2>&1
mkdir files
python3 - <<'PY'
import random

text = random.Random(1).randbytes(100_000).hex()
for name in "album.zip", "album.txt":
    with open("files/" + name, "w") as file:
        file.write(text)
PY
cat >server.py <<'PY'
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

name, port = sys.argv[1], int(sys.argv[2])
if name == "starlette":
    from starlette.middleware.gzip import GZipMiddleware as Compression
elif name == "brotli-asgi":
    from brotli_asgi import BrotliMiddleware as Compression
elif name == "zstd-asgi":
    from zstd_asgi import ZstdMiddleware as Compression
else:
    from asgi_gzip import GZipMiddleware as Compression
app = Starlette()
app.mount("/", StaticFiles(directory="files"))
app.add_middleware(Compression)
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
PY
cat >server.js <<'JS'
const compress = require('@polka/compression')({ level: 6 }), send = require('sirv')('files', { etag: true });
require('http').createServer((request, response) => compress(request, response, () => send(request, response)))
  .listen(process.argv[3], '127.0.0.1');
JS
cat >ask.py <<'PY'
import http.client
import sys

port, name, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]

def answer(**fields):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={key.replace("_", "-"): value for key, value in fields.items()})
    response = connection.getresponse()
    return response, response.read()

plain, _ = answer()
whole, encoded = answer(Accept_Encoding="gzip, br, zstd")
half = len(encoded) // 2
rest, body = answer(Accept_Encoding="gzip, br, zstd", Range="bytes=%d-" % half, If_Range=whole.headers["ETag"])
first, last = rest.headers["Content-Range"].split()[1].split("/")[0].split("-")
is_counted = len(body) == int(last) - int(first) + 1
is_one_tag = whole.headers["ETag"] == plain.headers["ETag"] == rest.headers["ETag"]
print(name, path, rest.status, rest.headers["Content-Encoding"])
print("  as long as its Content-Range: %s; tag of the plain file: %s; the halves are the whole: %s"
      % (is_counted, is_one_tag, encoded[:half] + body == encoded))
PY

ask() {
  name=$1; path=$2; shift 2
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$@" "$name" "$port" >log 2>&1 & server=$!
  for _ in $(seq 100); do curl -s -m 5 -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.2; done
  python3 ask.py "$port" "$name" "$path"
  kill "$server"; wait "$server" 2>/dev/null || true; server=
}
{
  for name in brotli-asgi zstd-asgi asgi-gzip; do ask $name /album.zip venv/bin/python server.py; done
  ask @polka/compression /album.txt node server.js
  ask starlette /album.zip venv/bin/python server.py
} | tee seen
diff seen - <<'DONE'
brotli-asgi /album.zip 206 br
  as long as its Content-Range: False; tag of the plain file: True; the halves are the whole: False
zstd-asgi /album.zip 206 zstd
  as long as its Content-Range: False; tag of the plain file: True; the halves are the whole: False
asgi-gzip /album.zip 206 gzip
  as long as its Content-Range: False; tag of the plain file: True; the halves are the whole: False
@polka/compression /album.txt 206 gzip
  as long as its Content-Range: False; tag of the plain file: True; the halves are the whole: False
starlette /album.zip 206 None
  as long as its Content-Range: True; tag of the plain file: True; the halves are the whole: True
DONE
