#!/usr/bin/env bash
# Program: s3cmd 2.4.0 (PyPI), against npm s3rver 3.7.1 with Node.js 20.20, seen 2026-11-30.
# Guess:   "get --continue" of an object that was replaced meanwhile begins anew or fails:
#          the listing told it the new tag, which is the MD5 of the whole.
# Seen:    it appends the new rest to the old beginning, finds out, prints the warning "MD5
#          signatures do not match" and exits 0 with the mix under its final name. Where
#          the old file is as long as the new object, it asks for nothing and says nothing.
# For us:  scripts that fill albums with it cannot go by its exit code. The service cannot
#          tell such a file from a right one.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$tmp"
}
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check s3cmd==2.4.0 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp" s3rver@3.7.1 >/dev/null 2>&1
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir store
node node_modules/s3rver/bin/s3rver.js -d store -a localhost -p "$port" --configure-bucket albums >log 2>&1 & server=$!
for _ in $(seq 100); do curl -s -m 5 -o /dev/null "http://localhost:$port/" && break; sleep 0.2; done

cat >settings <<SETTINGS
[default]
access_key = S3RVER
secret_key = S3RVER
host_base = localhost:$port
host_bucket = localhost:$port
use_https = False
SETTINGS
s3cmd() { timeout 60 venv/bin/s3cmd -c settings "$@"; }
head -c 1000000 /dev/zero | tr '\0' o >old
head -c 1000000 /dev/zero | tr '\0' n >new
s3cmd put new s3://albums/photo.jpg >/dev/null

again() {
  head -c "$1" old >photo.jpg
  code=0; s3cmd get --continue s3://albums/photo.jpg photo.jpg >/dev/null 2>said || code=$?
  echo "with $1 old bytes there: exit $code, $(tr -cd o <photo.jpg | wc -c) old and" \
    "$(tr -cd n <photo.jpg | wc -c) new bytes, $(grep -c 'MD5 signatures do not match' said || true) warning"
}
for length in 0 400000 1000000; do again $length; done | tee seen
diff seen - <<'DONE'
with 0 old bytes there: exit 0, 0 old and 1000000 new bytes, 0 warning
with 400000 old bytes there: exit 0, 400000 old and 600000 new bytes, 1 warning
with 1000000 old bytes there: exit 0, 1000000 old and 0 new bytes, 0 warning
DONE
