#!/usr/bin/env bash
# Program: PyPI whitenoise 6.12.0 (with waitress 3.0.2), seen 2026-11-30 with
#          Python 3.11.
# Guess:   a download that lacks one byte goes on: "Range: bytes=99-" of a file of
#          100 bytes gets the last byte.
# Seen:    416 Range Not Satisfiable, as for a file that is already whole, and so does
#          "bytes=-1"; "bytes=98-" gets 206. wget takes the 416 for a file that is
#          already fully retrieved, keeps 99 bytes and exits 0.
set -euo pipefail
command -v wget >/dev/null || exit 2
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check whitenoise==6.12.0 waitress==3.0.2 2>/dev/null

mkdir files
python3 -c 'open("files/album.zip", "wb").write(bytes(range(100)))'
cat >server.py <<'PY'
import waitress
from whitenoise import WhiteNoise

def nothing(environ, start_response):
    start_response("404 Not Found", [])
    return []

server = waitress.create_server(WhiteNoise(nothing, root="files"), host="127.0.0.1", port=0)
print(server.effective_port, flush=True)
server.run()
PY
venv/bin/python server.py >port 2>log & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done
url="http://127.0.0.1:$(cat port)/album.zip"

{
  for range in 98- 99- -1; do
    echo "bytes=$range: $(curl -sS -m 20 -o /dev/null -w '%{http_code}, %{size_download} bytes' -H "Range: bytes=$range" "$url")"
  done
  head -c 99 files/album.zip >album.zip
  code=0; wget -q -c --no-proxy -T 20 "$url" || code=$?
  echo "wget -c: exit code $code, $(stat -c %s album.zip) bytes"
} | tee seen
diff seen - <<'DONE'
bytes=98-: 206, 2 bytes
bytes=99-: 416, 0 bytes
bytes=-1: 416, 0 bytes
wget -c: exit code 0, 99 bytes
DONE
