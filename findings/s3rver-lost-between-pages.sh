#!/usr/bin/env bash
# Program: npm s3rver 3.7.1, seen 2026-11-30 with Node.js 20.20 and boto3 1.44.8.
# Guess:   keys come in the order of their bytes, and pages of two together give
#          what one page gives.
# Seen:    keys come in the order of a walk through folders (a/… before a-1), while
#          a page begins behind its marker in the order of bytes: three of seven
#          objects are in no page, and the last page says that it is the last.
#          Both versions of the listing do so; the second one needs Node's
#          --openssl-legacy-provider to have pages at all (500 without).
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check boto3==1.44.8 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp" s3rver@3.7.1 >/dev/null 2>&1

mkdir data
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
node --openssl-legacy-provider node_modules/s3rver/bin/s3rver.js -d data -a 127.0.0.1 -p "$port" >log 2>&1 & server=$!
for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.2; done

timeout 60 venv/bin/python - "http://127.0.0.1:$port" <<'PY' | tee seen
import sys

import boto3
from botocore.config import Config

settings = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0},
                  request_checksum_calculation="when_required", response_checksum_validation="when_required")
client = boto3.client("s3", endpoint_url=sys.argv[1], aws_access_key_id="S3RVER",
                      aws_secret_access_key="S3RVER", region_name="us-east-1", config=settings)
client.create_bucket(Bucket="album")
for key in "a/0", "a/1", "a/2", "a-1", "a-2", "a.txt", "b/0":
    client.put_object(Bucket="album", Key=key, Body=b"photo")

def keys(operation, token, following, **limit):
    found, where = [], {}
    while True:
        page = operation(Bucket="album", **limit, **where)
        found += [entry["Key"] for entry in page.get("Contents", [])]
        if not page["IsTruncated"]:
            return " ".join(found)
        where = {token: page.get(following) or found[-1]}

one = client.list_objects, "Marker", "NextMarker"
two = client.list_objects_v2, "ContinuationToken", "NextContinuationToken"
print("one page:", keys(*one))
print("pages of two:", keys(*one, MaxKeys=2))
print("version 2, pages of two:", keys(*two, MaxKeys=2))
PY
diff seen - <<'DONE'
one page: a/0 a/1 a/2 a-1 a-2 a.txt b/0
pages of two: a/0 a/1 a/2 b/0
version 2, pages of two: a/0 a/1 a/2 b/0
DONE
