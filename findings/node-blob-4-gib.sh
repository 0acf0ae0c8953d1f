#!/usr/bin/env bash
# Program: Node.js 24.9.0 (npm node 24.9.0), fs.openAsBlob, seen 2026-11-30; 20.20.2
#          does the same.
# Guess:   the Blob of a file has the file's size and content, whatever the size.
# Seen:    its size is the file's modulo 4 GiB, without an error: a file of
#          4 GiB + 447 bytes is a Blob of 447. Zip readers that take Blobs (zip.js,
#          unzipit) then find no end record in a right archive.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" node@24.9.0 >/dev/null 2>&1

for size in 2147483649 4294967295 4294967296 4294967743; do
  truncate -s "$size" sparse.bin
  timeout 60 node_modules/node/bin/node --no-warnings -e '
    const fs = require("fs");
    fs.openAsBlob("sparse.bin").then((blob) => console.log(fs.statSync("sparse.bin").size, "bytes: a Blob of", blob.size));'
done | tee seen
diff seen - <<'DONE'
2147483649 bytes: a Blob of 2147483649
4294967295 bytes: a Blob of 4294967295
4294967296 bytes: a Blob of 0
4294967743 bytes: a Blob of 447
DONE
