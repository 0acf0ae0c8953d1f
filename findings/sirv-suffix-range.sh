#!/usr/bin/env bash
# Program: npm sirv 3.0.2, a static file server, seen 2026-11-30 with Node.js 20.20.
# Guess:   "Range: bytes=-22", the last 22 bytes, which readers of a remote zip ask
#          for first, gets the end of the file.
# Seen:    it gets the first 23 bytes with "206" and "Content-Range: bytes 0-22/100":
#          the suffix counts as a last position.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" sirv@3.0.2 >/dev/null 2>&1

mkdir files
python3 -c 'open("files/album.zip", "wb").write(b"a" * 50 + b"z" * 50)'
cat >server.js <<'JS'
const server = require('http').createServer(require('sirv')('files'));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
JS
node server.js >port & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done

curl -sS -m 20 -D fields -o body -H 'Range: bytes=-22' "http://127.0.0.1:$(cat port)/album.zip"
{
  grep -iE '^(HTTP|content-range)' fields | tr -d '\r'
  echo "body: $(cat body)"
} | tee seen
diff seen - <<'DONE'
HTTP/1.1 206 Partial Content
Content-Range: bytes 0-22/100
body: aaaaaaaaaaaaaaaaaaaaaaa
DONE
