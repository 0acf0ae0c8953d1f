#!/usr/bin/env bash
# Program: npm qiao-zip 5.0.0, seen 2026-11-30 with Node.js 20.20.
# Guess:   a name whose general purpose bit 11 is set is UTF-8 (APPNOTE 4.4.4).
# Seen:    it reads every name as GBK, bit or not, and reports success: Cyrillic and
#          emoji names come out as other letters.  Chinese names that were written in
#          UTF-8 do, too.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" qiao-zip@5.0.0 >/dev/null 2>&1
python3 - <<'PY'
import zipfile

with zipfile.ZipFile("album.zip", "w") as album:
    for name in ("plain.jpg", "Лето.jpg", "照片.jpg"):
        album.writestr(name, "data")
PY
{
  python3 -c 'import zipfile; print("bit 11:", *(entry.flag_bits >> 11 & 1 for entry in zipfile.ZipFile("album.zip").infolist()))'
  node -e 'require("qiao-zip").unzip("album.zip", "out/").then((done) => console.log("done:", done), (error) => console.log("failed:", error.message))' | grep -E '^(done|failed)'
  python3 -c 'import os; print("written as GBK:", sorted(name.encode("utf-8").decode("gbk", "replace") for name in ("plain.jpg", "Лето.jpg", "照片.jpg")) == sorted(os.listdir("out")))'
} | tee seen
diff seen - <<'DONE'
bit 11: 0 1 1
done: true
written as GBK: True
DONE
