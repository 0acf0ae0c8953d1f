#!/usr/bin/env bash
# Program: HFS 0.52.9 (npm hfs, with koa 2.16.4) in Node.js 20.20, seen 2026-12-01.
# Guess:   the setting zip_calculate_size_for_seconds (1 unless set) is how long HFS looks for
#          the archive's size; of a folder that takes longer, 70,000 files for example, the
#          archive comes without a Content-Length.
# Seen:    it comes with Content-Length: 0, status 200 and no byte: curl exits 0 and leaves an
#          empty file. (0 seconds here, so that a small folder shows it on any machine.)
set -euo pipefail
command -v node >/dev/null && command -v npm >/dev/null || { echo "Node.js is missing"; exit 2; }
tmp=$(mktemp -d); server=
trap '[ -z "$server" ] || kill "$server" || true; rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --ignore-scripts hfs@0.52.9 koa@2.16.4

mkdir files conf
echo one >files/1.txt
echo two >files/2.txt
for seconds in 5 0; do
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  cat >conf/config.yaml <<EOF
port: $port
listen_interface: 127.0.0.1
zip_calculate_size_for_seconds: $seconds
vfs:
  children:
    - name: files
      source: $tmp/files
EOF
  node node_modules/hfs/src/index.js --cwd "$tmp/conf" >log 2>&1 </dev/null &
  server=$!
  url="http://127.0.0.1:$port/files/?get=zip"
  curl -sf --retry 60 --retry-connrefused --retry-delay 1 -D fields -o files.zip "$url"
  length=$(sed -n 's/\r$//; s/^Content-Length: //p' fields)
  echo "$seconds s: $(head -n 1 fields | tr -d '\r'), Content-Length $length, $(wc -c <files.zip) bytes"
  kill "$server"
  wait "$server" 2>/dev/null || true
  server=
done >seen
cat seen
diff seen - <<'EOF'
5 s: HTTP/1.1 200 OK, Content-Length 202, 202 bytes
0 s: HTTP/1.1 200 OK, Content-Length 0, 0 bytes
EOF
