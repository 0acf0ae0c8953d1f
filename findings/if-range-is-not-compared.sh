#!/usr/bin/env bash
# Program: static files of PyPI tornado 6.6.1, falcon 4.4.0 and whitenoise 6.12.0
#          (waitress 3.0.2) and npm serve-handler 6.1.8 (etag), seen 2026-11-30 with
#          Python 3.11 and Node.js 20.20.
# Guess:   who sends an ETag and answers ranges compares If-Range too: for the tag of
#          a file that was replaced meanwhile, the new file comes whole with 200.
# Seen:    all four answer 206 with the rest of the new file, so a download that goes
#          on is half old, half new, though the client asked as it should. All of them
#          compare If-None-Match.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check tornado==6.6.1 falcon==4.4.0 whitenoise==6.12.0 waitress==3.0.2 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp" serve-handler@6.1.8 >/dev/null 2>&1

cat >server.py <<'PY'
import sys

name, port = sys.argv[1], int(sys.argv[2])
if name == "tornado":
    import tornado.ioloop
    import tornado.web
    application = tornado.web.Application([("/(.*)", tornado.web.StaticFileHandler, {"path": "files"})])
    application.listen(port, "127.0.0.1")
    tornado.ioloop.IOLoop.current().start()
else:
    import os
    import waitress
    if name == "falcon":
        import falcon
        application = falcon.App()
        application.add_static_route("/", os.path.abspath("files"))
    else:
        from whitenoise import WhiteNoise
        application = WhiteNoise(None, root="files", autorefresh=True)
    waitress.serve(application, listen="127.0.0.1:%d" % port)
PY
cat >server.js <<'JS'
const send = require('serve-handler'), options = { public: 'files', etag: true };
require('http').createServer((request, response) => send(request, response, options)).listen(process.argv[3], '127.0.0.1');
JS

serve() {
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$@" "$port" >log 2>&1 & server=$!
  url="http://127.0.0.1:$port/album.zip"
  for _ in $(seq 100); do curl -s -m 5 -o /dev/null "$url" && break; sleep 0.2; done
}
stop() { kill "$server"; wait "$server" 2>/dev/null || true; server=; }
status() { curl -sS -m 20 -o body -w '%{http_code}' "$@" "$url"; }
ask() {
  name=$1; shift
  rm -rf files; mkdir files
  python3 -c 'open("files/album.zip", "wb").write(b"A" * 100)'
  touch -d '2026-01-01' files/album.zip
  serve "$@" "$name"
  tag=$(curl -sS -m 20 -o /dev/null -D - "$url" | tr -d '\r' | sed -n 's/^etag: //Ip')
  same=$(status -H "If-None-Match: $tag")
  stop

  python3 -c 'open("new", "wb").write(b"B" * 120)'; mv new files/album.zip
  serve "$@" "$name"
  echo "$name: If-None-Match $same, after the change $(status -H "If-None-Match: $tag");" \
    "If-Range $(status -r 50- -H "If-Range: $tag") with $(stat -c %s body) bytes"
  stop
}
for name in tornado falcon whitenoise; do ask $name venv/bin/python server.py; done >seen
ask serve-handler node server.js >>seen
cat seen
diff seen - <<'DONE'
tornado: If-None-Match 304, after the change 200; If-Range 206 with 70 bytes
falcon: If-None-Match 304, after the change 200; If-Range 206 with 70 bytes
whitenoise: If-None-Match 304, after the change 200; If-Range 206 with 70 bytes
serve-handler: If-None-Match 304, after the change 200; If-Range 206 with 70 bytes
DONE
