#!/usr/bin/env bash
# Program: static files of PyPI sanic 25.12.1 and blacksheep 2.6.4 (uvicorn 0.54.0)
#          and webfs 1.21 (Debian webfs 1.21+ds1-12+b1), seen 2026-11-30 with Python 3.11.
# Guess:   a last position past the end means the rest of the file (RFC 9110 section
#          14.1.2): "bytes=90-199" of 100 bytes gets 206 with "bytes 90-99/100".
# Seen:    Sanic sends the ten bytes as "bytes 90-199/100", a field that section 14.4
#          calls invalid; BlackSheep answers 416, webfs 400.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check sanic==25.12.1 blacksheep==2.6.4 uvicorn==0.54.0 2>/dev/null
apt-get download -q webfs=1.21+ds1-12+b1 >/dev/null 2>&1
dpkg -x webfs_*.deb root

mkdir files
python3 -c 'open("files/album.zip", "wb").write(bytes(range(100)))'
cat >server.py <<'PY'
import sys

name, port = sys.argv[1], int(sys.argv[2])
if name == "sanic":
    from sanic import Sanic
    app = Sanic("files")
    app.static("/", "files", use_content_range=True)
    app.run("127.0.0.1", port, single_process=True)
else:
    import uvicorn
    from blacksheep import Application
    app = Application()
    app.serve_files("files", extensions={".zip"})
    uvicorn.run(app, host="127.0.0.1", port=port)
PY
webfs() { exec root/usr/bin/webfsd -F -i 127.0.0.1 -p "$2" -r "$tmp/files"; }
python() { exec venv/bin/python server.py "$@"; }

ask() {
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$1" "$2" "$port" >log 2>&1 & server=$!
  url="http://127.0.0.1:$port/album.zip"
  for _ in $(seq 100); do curl -s -m 5 -o /dev/null "$url" && break; sleep 0.2; done
  curl -sS -m 20 -D fields -o body -r 90-99 "$url"; curl -sS -m 20 -D past -o body -r 90-199 "$url"
  echo "$2: 90-99 $(told fields), 90-199 $(told past)"
  kill "$server"; wait "$server" 2>/dev/null || true; server=
}
told() { tr -d '\r' <"$1" | awk '/^HTTP/ {line = $2} tolower($1) == "content-range:" {line = line " (" $3 ")"} END {print line}'; }
{ ask python sanic; ask python blacksheep; ask webfs webfs; } | tee seen
diff seen - <<'DONE'
sanic: 90-99 206 (90-99/100), 90-199 206 (90-199/100)
blacksheep: 90-99 206 (90-99/100), 90-199 416
webfs: 90-99 206 (90-99/100), 90-199 400
DONE
