#!/usr/bin/env bash
# Program: zipstream-ng 1.9.3 (PyPI), seen 2026-11-30.
# Guess:   len() of a sized ZipStream, which is meant for a Content-Length, is
#          the number of bytes that it yields.
# Seen:    with exactly 65,535 entries it yields 76 bytes more: ZIP64 end records
#          that len() counts from 65,536 on. A server with that Content-Length
#          cuts off the end record, or fails at the last byte.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check zipstream-ng==1.9.3 2>/dev/null

timeout 300 venv/bin/python - <<'PY' | tee seen
from zipstream import ZipStream

for count in 65534, 65535, 65536:
    stream = ZipStream(sized=True)
    for number in range(count):
        stream.add("x", "%05d.txt" % number)
    told = len(stream)
    print("%d entries: sent minus told = %d bytes" % (count, sum(map(len, stream)) - told))
PY
diff seen - <<'DONE'
65534 entries: sent minus told = 0 bytes
65535 entries: sent minus told = 76 bytes
65536 entries: sent minus told = 0 bytes
DONE
