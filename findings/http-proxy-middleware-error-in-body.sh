#!/usr/bin/env bash
# Program: npm http-proxy-middleware 3.0.11 with express 4.22.3, seen 2026-11-29
#          with Node.js 20.20.
# Guess:   when the server behind resets the connection in the middle of a body,
#          the proxy breaks off its own answer.
# Seen:    it writes "Error occurred while trying to proxy: HOST/PATH" into the
#          body. When fewer bytes than that were missing, the client gets a file
#          of the promised length with words at its end, and curl exits 0.
set -euo pipefail
tmp=$(mktemp -d); server=; proxy=
finish() { for pid in $server $proxy; do kill "$pid" 2>/dev/null || true; done; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" http-proxy-middleware@3.0.11 express@4.22.3 >/dev/null 2>&1

cat >server.js <<'JS'
const net = require('net');
const server = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', () => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n' + 'a'.repeat(100000 - 20));
    setTimeout(() => socket.resetAndDestroy(), 1500);
  });
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
JS
cat >proxy.js <<'JS'
const { createProxyMiddleware } = require('http-proxy-middleware');
const app = require('express')();
app.use(createProxyMiddleware({ target: 'http://127.0.0.1:' + process.argv[2] }));
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
JS
node server.js >server.port & server=$!
for _ in $(seq 100); do [ -s server.port ] && break; sleep 0.2; done
node proxy.js "$(cat server.port)" >proxy.port 2>/dev/null & proxy=$!
for _ in $(seq 100); do [ -s proxy.port ] && break; sleep 0.2; done

code=0
curl -sS -m 30 -H 'Host: example.test' -o out.bin "http://127.0.0.1:$(cat proxy.port)/out.bin" || code=$?
echo "curl exit code $code, $(stat -c %s out.bin) bytes of 100000, the last 20: [$(tail -c 20 out.bin)]"
[ "$code" = 0 ] && [ "$(stat -c %s out.bin)" = 100000 ] && [ "$(tail -c 20 out.bin)" = "Error occurred while" ]
