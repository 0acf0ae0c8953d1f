#!/usr/bin/env bash
# Program: static file servers: PyPI twisted 26.10.0, sanic 25.12.1 and baize 0.23.1,
#          npm @hapi/inert 7.1.2 (hapi 21.4.10), serve-static 2.2.1 and
#          serve-handler 6.1.8, seen 2026-11-30 with Python 3.11 and Node.js 20.20.
# Guess:   a reader of a remote zip asks for its last 64 KiB, and a smaller file is
#          sent whole, as RFC 9110 section 14.1.2 has it.
# Seen:    Twisted, Sanic and inert answer 500, the others 416. All of them answer
#          206 to a suffix that is shorter than the file.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check twisted==26.10.0 sanic==25.12.1 baize==0.23.1 waitress==3.0.2 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp" @hapi/hapi@21.4.10 @hapi/inert@7.1.2 \
  serve-static@2.2.1 finalhandler@2 serve-handler@6.1.8 >/dev/null 2>&1

mkdir files
python3 -c 'open("files/album.zip", "wb").write(bytes(range(100)))'
cat >server.py <<'PY'
import sys

name, port = sys.argv[1], int(sys.argv[2])
if name == "twisted":
    from twisted.internet import reactor
    from twisted.web import server, static
    reactor.listenTCP(port, server.Site(static.File("files")), interface="127.0.0.1")
    reactor.run()
elif name == "sanic":
    from sanic import Sanic
    app = Sanic("files")
    app.static("/", "files", use_content_range=True)
    app.run("127.0.0.1", port, single_process=True)
elif name == "baize":
    import waitress
    from baize.wsgi import Files
    waitress.serve(Files("files"), listen="127.0.0.1:%d" % port)
PY
cat >server.js <<'JS'
const http = require('http'), [, , name, port] = process.argv;
if (name === 'inert') {
  (async () => {
    const server = require('@hapi/hapi').server({ host: '127.0.0.1', port: Number(port) });
    await server.register(require('@hapi/inert'));
    server.route({ method: 'GET', path: '/{file*}', handler: { directory: { path: process.cwd() + '/files' } } });
    await server.start();
  })();
} else if (name === 'serve-static') {
  const send = require('serve-static')('files'), end = require('finalhandler');
  http.createServer((request, response) => send(request, response, end(request, response))).listen(port, '127.0.0.1');
} else {
  const send = require('serve-handler');
  http.createServer((request, response) => send(request, response, { public: 'files' })).listen(port, '127.0.0.1');
}
JS

ask() {
  name=$1; shift
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$@" "$name" "$port" >log 2>&1 & server=$!
  url="http://127.0.0.1:$port/album.zip"
  for _ in $(seq 100); do curl -s -m 5 -o /dev/null "$url" && break; sleep 0.2; done
  echo "$name: $(curl -sS -m 20 -o /dev/null -w '%{http_code}' -r -22 "$url") to the last 22 bytes," \
    "$(curl -sS -m 20 -o /dev/null -w '%{http_code}' -r -65536 "$url") to the last 65,536 of 100"
  kill "$server"; wait "$server" 2>/dev/null || true; server=
}
for name in twisted sanic baize; do ask $name venv/bin/python server.py; done >seen
for name in inert serve-static serve-handler; do ask $name node server.js; done >>seen
cat seen
diff seen - <<'DONE'
twisted: 206 to the last 22 bytes, 500 to the last 65,536 of 100
sanic: 206 to the last 22 bytes, 500 to the last 65,536 of 100
baize: 206 to the last 22 bytes, 416 to the last 65,536 of 100
inert: 206 to the last 22 bytes, 500 to the last 65,536 of 100
serve-static: 206 to the last 22 bytes, 416 to the last 65,536 of 100
serve-handler: 206 to the last 22 bytes, 416 to the last 65,536 of 100
DONE
