#!/usr/bin/env bash
# Program: npm express-http-proxy 2.1.2 with express 4.22.3, seen 2026-11-29
#          with Node.js 20.20.
# Guess:   userResHeaderDecorator, which gets the headers alone, leaves the body
#          a stream.
# Seen:    with it, even one that changes nothing, the proxy keeps the whole
#          body in memory and sends neither header nor byte before its end.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" express-http-proxy@2.1.2 express@4.22.3 >/dev/null 2>&1

cat >run.js <<'JS'
const http = require('http');
const proxy = require('express-http-proxy');
const listen = (handler) => new Promise((resolve) => {
  const server = http.createServer(handler).listen(0, '127.0.0.1', () => resolve(server.address().port));
});
const half = Buffer.alloc(1000000);
const run = async (name, options) => {
  let finish, first = 0, rest = 0, open = true;
  const behind = await listen((request, answer) => {
    answer.writeHead(200, { 'content-length': 2 * half.length });
    answer.write(half);
    finish = () => { open = false; answer.end(half); };
    setTimeout(() => open && finish(), 5000);
  });
  const app = require('express')();
  app.use(proxy('http://127.0.0.1:' + behind, options));
  const port = await listen(app);
  await new Promise((resolve) => http.get({ host: '127.0.0.1', port }, (answer) => {
    answer.on('data', (data) => {
      if (open) first += data.length; else rest += data.length;
      if (open && first === half.length) finish();
    });
    answer.on('end', resolve);
  }));
  console.log(`${name}: ${first} bytes before the server behind sent its second half, ${rest} after`);
};
(async () => {
  await run('no decorator', {});
  await run('header decorator', { userResHeaderDecorator: (headers) => headers });
  process.exit(0);
})();
JS
timeout 60 node run.js | tee seen
diff seen - <<'EOF'
no decorator: 1000000 bytes before the server behind sent its second half, 1000000 after
header decorator: 0 bytes before the server behind sent its second half, 2000000 after
EOF
