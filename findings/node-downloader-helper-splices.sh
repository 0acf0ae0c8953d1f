#!/usr/bin/env bash
# Program: npm node-downloader-helper 2.1.11, seen 2026-11-30 with Node.js 20.20.
# Guess:   a retry after a break sends the entity tag of the first answer in
#          If-Range, so a file that was replaced meanwhile begins anew.
# Seen:    it sends a bare Range, does not look at the ETag of the 206 either, and
#          resolves with half of the old file and half of the new one.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" node-downloader-helper@2.1.11 >/dev/null 2>&1

cat >server.py <<'PY'
import http.server

SIZE = 1000000

class Replaced(http.server.BaseHTTPRequestHandler):
    letter = b"A"

    def log_message(self, *args): pass

    def do_GET(self):
        first, letter, tag = 0, Replaced.letter, '"%s"' % Replaced.letter.decode()
        asked, validator = self.headers.get("Range"), self.headers.get("If-Range")
        if asked and validator in (None, tag):
            first = int(asked.removeprefix("bytes=").split("-")[0])
        with open("requests", "a") as requests:
            requests.write("Range: %s, If-Range: %s\n" % ("sent" if asked else "none", validator))
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (first, SIZE - 1, SIZE))
        self.send_header("Content-Length", str(SIZE - first))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(letter * (SIZE - first if asked else SIZE // 2))
        Replaced.letter = b"B"

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Replaced)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done

cat >fetch.js <<'JS'
const { DownloaderHelper } = require('node-downloader-helper');
const download = new DownloaderHelper(process.argv[2], '.', { fileName: 'out.zip', retry: { maxRetries: 2, delay: 300 } });
download.on('error', () => {});
download.start().then((done) => console.log('resolved:', done), (error) => console.log('rejected:', error.message));
JS
{
  timeout 60 node fetch.js "http://127.0.0.1:$(cat port)/album.zip"
  cat requests
  echo "letters in the file: $(fold -w1 out.zip | sort -u | tr '\n' ' ')of $(stat -c %s out.zip) bytes"
} | tee seen
diff seen - <<'DONE'
resolved: true
Range: none, If-Range: None
Range: sent, If-Range: None
letters in the file: A B of 1000000 bytes
DONE
