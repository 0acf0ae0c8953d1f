#!/usr/bin/env bash
# Program: npm unzipper 0.12.5, seen 2026-11-29 with Node.js 20.20.
# Guess:   the promise of Extract() resolves when every entry is on disk.
# Seen:    with 500 small stored entries in one small archive it resolves after
#          16, the process ends with code 0, and 484 files are missing.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" unzipper@0.12.5 >/dev/null 2>&1

python3 - <<'PY'
import zipfile
with zipfile.ZipFile("small.zip", "w") as archive:
    for number in range(500):
        archive.writestr("%03d.txt" % number, "photo %d" % number)
PY
cat >extract.js <<'JS'
const fs = require('fs');
const unzipper = require('unzipper');
fs.createReadStream('small.zip').pipe(unzipper.Extract({ path: 'out' })).promise()
  .then(() => console.log('resolved with', fs.readdirSync('out').length, 'files'));
JS
timeout 60 node extract.js
count=$(ls out | wc -l)
echo "exit code 0, $count of 500 files on disk after the end"
[ "$count" = 16 ]
