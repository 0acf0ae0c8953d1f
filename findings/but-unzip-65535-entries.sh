#!/usr/bin/env bash
# Program: npm but-unzip 0.1.10 and uzip 0.20201231.0, seen 2026-11-30 with
#          Node.js 20.20.
# Guess:   an archive of 70,000 files gives 70,000 files, or an error that ZIP64
#          is not supported (as @endo/zip says).
# Seen:    both return the first 65,535 and say nothing: they take the marker of
#          the 16-bit count for the count.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" but-unzip@0.1.10 uzip@0.20201231.0 >/dev/null 2>&1

python3 - <<'PY'
import zipfile
with zipfile.ZipFile("many.zip", "w") as archive:
    for number in range(70000):
        archive.writestr("%05d.txt" % number, b"x")
PY
cat >read.mjs <<'JS'
import fs from 'fs';
import { iter } from 'but-unzip';
import uzip from 'uzip';
const data = fs.readFileSync('many.zip');
console.log(`but-unzip: ${[...iter(data)].length} of 70000`);
const buffer = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
console.log(`uzip: ${Object.keys(uzip.parse(buffer)).length} of 70000`);
JS
timeout 120 node read.mjs | tee seen
diff seen - <<'DONE'
but-unzip: 65535 of 70000
uzip: 65535 of 70000
DONE
