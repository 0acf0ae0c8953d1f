#!/usr/bin/env bash
# Program: npm koa-better-http-proxy 0.2.10 (koa 3.3.0) and PyPI jupyter-server-proxy
#          4.6.0 (jupyter-server 2.21.1), seen 2026-11-30 with Node.js 20.20 and
#          Python 3.11.
# Guess:   a HEAD through the proxy says the length that the server behind it says.
# Seen:    "Content-Length: 0" for a file of a million bytes, while GET says it right:
#          the proxy counts the bytes of the body that HEAD has not got.
set -euo pipefail
tmp=$(mktemp -d); origin=; proxy=
finish() {
  for pid in $origin $proxy; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
  rm -rf "$tmp"
}
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check jupyter-server-proxy==4.6.0 jupyter-server==2.21.1 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp" koa@3.3.0 koa-better-http-proxy@0.2.10 >/dev/null 2>&1
export HOME="$tmp" no_proxy=127.0.0.1

cat >server.py <<'PY'
import http.server

class File(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(bytes(1000000))

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), File)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port 2>/dev/null & origin=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done
behind=$(cat port)

cat >proxy.js <<'JS'
const Koa = require('koa'), proxy = require('koa-better-http-proxy'), [, , behind, port] = process.argv;
new Koa().use(proxy('127.0.0.1', { port: Number(behind) })).listen(Number(port), '127.0.0.1');
JS
koa() { exec node proxy.js "$behind" "$1"; }
jupyter() {
  exec venv/bin/jupyter server --allow-root --no-browser --ip 127.0.0.1 --port "$1" --ServerApp.port_retries=0 \
    --IdentityProvider.token='' --ServerApp.root_dir="$tmp"
}
length() { curl -sS -m 20 -o /dev/null -D - "$@" | tr -d '\r' | sed -n 's/^content-length: //Ip'; }
ask() {
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$2" "$port" >log 2>&1 & proxy=$!
  url="http://127.0.0.1:$port$3/album.zip"
  for _ in $(seq 150); do curl -sf -m 5 -o /dev/null "$url" && break; sleep 0.2; done
  echo "$1: GET $(length "$url"), HEAD $(length -I "$url")"
  kill "$proxy"; wait "$proxy" 2>/dev/null || true; proxy=
}
{
  echo "without a proxy: HEAD $(length -I "http://127.0.0.1:$behind/album.zip")"
  ask koa-better-http-proxy koa ""
  ask jupyter-server-proxy jupyter "/proxy/$behind"
} | tee seen
diff seen - <<'DONE'
without a proxy: HEAD 1000000
koa-better-http-proxy: GET 1000000, HEAD 0
jupyter-server-proxy: GET 1000000, HEAD 0
DONE
