#!/usr/bin/env bash
# Program: gdown 6.5.1 of PyPI, seen 2026-11-30 with Python 3.11.
# Guess:   a download that is resumed carries in If-Range the entity tag of the
#          version whose part is on the disk, or begins anew.
# Seen:    the part is kept without its tag.  It first asks for the whole file, takes
#          the tag of that answer, and guards the range of the old part with it: the
#          server has to agree, and the file is half old, half new, without an error.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
export HOME="$tmp" no_proxy=127.0.0.1
python3 -m venv env
env/bin/pip install --quiet gdown==6.5.1 >/dev/null 2>&1

cat >server.py <<'PY'
import http.server

SIZE, TAG = 1000000, '"new"'

class New(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass

    def do_GET(self):
        asked, validator = self.headers.get("Range"), self.headers.get("If-Range")
        first = 0
        if asked and validator in (None, TAG):
            first = int(asked.removeprefix("bytes=").split("-")[0])
        with open("requests", "a") as requests:
            requests.write("Range: %s, If-Range: %s\n" % (asked, validator))
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (first, SIZE - 1, SIZE))
        self.send_header("Content-Length", str(SIZE - first))
        self.send_header("Content-Disposition", 'attachment; filename="album.zip"')
        self.send_header("ETag", TAG)
        self.end_headers()
        self.wfile.write(b"N" * (SIZE - first))

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), New)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port 2>/dev/null & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done

# What an earlier run has left of the old version, under gdown's own name for it.
head -c 400000 /dev/zero | tr '\0' O >out.zip12345678.part
{
  timeout 60 env/bin/python -c 'import sys, gdown; print("saved:", gdown.download(sys.argv[1], "out.zip", quiet=True, resume=True))' "http://127.0.0.1:$(cat port)/album"
  cat requests
  echo "old: $(tr -d N <out.zip | wc -c), new: $(tr -d O <out.zip | wc -c)"
} | tee seen
diff seen - <<'DONE'
saved: out.zip
Range: None, If-Range: None
Range: bytes=400000-, If-Range: "new"
old: 400000, new: 600000
DONE
