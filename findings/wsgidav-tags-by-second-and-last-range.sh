#!/usr/bin/env bash
# Program: WsgiDAV 4.4.0 with cheroot 11.1.2 (PyPI), seen 2026-11-29.
# Guess:   a strong entity tag differs when the content differs, and two ranges
#          in one request are answered by multipart/byteranges or by the whole.
# Seen:    the tag holds the modification time in whole seconds, so other bytes
#          of the same size written in the same second keep the tag, and
#          If-None-Match says 304. Two ranges get 206 with the last one alone.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check wsgidav==4.4.0 cheroot==11.1.2 2>/dev/null
mkdir data

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
venv/bin/wsgidav --host 127.0.0.1 --port "$port" --root data --auth anonymous --server cheroot >log 2>&1 & server=$!
for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.2; done

url="http://127.0.0.1:$port/photo.txt"
printf 'first version, 36 bytes, the old one' >data/photo.txt
touch -d '2026-01-01 00:00:00.1 UTC' data/photo.txt
etag=$(curl -sS -I -m 20 "$url" | sed -n 's/^ETag: //Ip' | tr -d '\r')
printf 'other version, 36 bytes, the new one' >data/photo.txt
touch -d '2026-01-01 00:00:00.9 UTC' data/photo.txt
{
  echo "other bytes, 0.8 s later: $(curl -sS -m 20 -o /dev/null -w '%{http_code}' -H "If-None-Match: $etag" "$url")"
  curl -sS -m 20 -o body -D head -H 'Range: bytes=0-4,6-12' "$url"
  echo "two ranges: $(head -1 head | cut -d' ' -f2) $(grep -i '^Content-Range' head | tr -d '\r') [$(cat body)]"
} | tee seen
diff seen - <<'EOF'
other bytes, 0.8 s later: 304
two ranges: 206 Content-Range: bytes 6-12/36 [version]
EOF
