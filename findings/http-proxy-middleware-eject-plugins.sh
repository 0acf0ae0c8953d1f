#!/usr/bin/env bash
# Program: npm http-proxy-middleware 3.0.11 with express 4.22.3, seen 2026-11-29
#          with Node.js 20.20.
# Guess:   ejectPlugins: true drops the built-in plugins (error page, log) and
#          keeps the handlers that the caller passes in "on".
# Seen:    the handlers in "on" are attached by such a plugin, so they are
#          dropped too, with no warning: no header is added, no error handled.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" http-proxy-middleware@3.0.11 express@4.22.3 >/dev/null 2>&1

cat >run.js <<'JS'
const http = require('http');
const { createProxyMiddleware } = require('http-proxy-middleware');
const listen = (handler) => new Promise((resolve) => {
  const server = http.createServer(handler).listen(0, '127.0.0.1', () => resolve(server.address().port));
});
(async () => {
  const behind = await listen((request, answer) => answer.end(String(request.headers['x-added'])));
  for (const ejectPlugins of [false, true]) {
    const app = require('express')();
    app.use(createProxyMiddleware({
      target: 'http://127.0.0.1:' + behind, ejectPlugins,
      on: { proxyReq: (request) => request.setHeader('x-added', 'yes') },
    }));
    const answer = await fetch('http://127.0.0.1:' + await listen(app));
    console.log(`ejectPlugins ${ejectPlugins}: the server behind got x-added ${await answer.text()}`);
  }
  process.exit(0);
})();
JS
timeout 60 node run.js | tee seen
diff seen - <<'EOF'
ejectPlugins false: the server behind got x-added yes
ejectPlugins true: the server behind got x-added undefined
EOF
