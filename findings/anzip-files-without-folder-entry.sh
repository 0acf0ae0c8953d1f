#!/usr/bin/env bash
# Program: npm anzip 0.2.0, seen 2026-11-30 with Node.js 20.20.
# Guess:   a file in a folder that has no entry of its own (as most packers write
#          them) is extracted, and its folder made.
# Seen:    the file is not written, the promise resolves, and the process ends
#          with 0; only "saved: false" in the result shows it.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" anzip@0.2.0 >/dev/null 2>&1

python3 - <<'PY'
import zipfile
with zipfile.ZipFile("bare.zip", "w") as archive:
    archive.writestr("top.txt", "top")
    archive.writestr("folder/photo.txt", "photo")
with zipfile.ZipFile("with-entry.zip", "w") as archive:
    archive.writestr("top.txt", "top")
    archive.writestr("folder/", "")
    archive.writestr("folder/photo.txt", "photo")
PY
for name in bare with-entry; do
  mkdir "$name"
  timeout 60 node -e 'require("anzip")(process.argv[1] + ".zip", { outputPath: process.argv[1] })
    .catch(() => process.exit(1))' "$name"
  echo "$name: exit code $?, $(cd "$name" && find . -type f | sort | tr '\n' ' ')"
done | tee seen
diff seen - <<'DONE'
bare: exit code 0, ./top.txt 
with-entry: exit code 0, ./folder/photo.txt ./top.txt 
DONE
