#!/usr/bin/env bash
# Program: npm @shortercode/webzip 0.1.0, a zip writer, seen 2026-11-30 with Node.js
#          20.20; read with UnZip, bsdtar and Python's zipfile.
# Guess:   an archive of two small files is read by every reader.
# Seen:    in the local headers CRC and sizes stand two bytes too far behind, so the
#          size of a file of 5 bytes is 327,680 there. Readers of the central
#          directory alone (zipfile) are content; UnZip and bsdtar refuse the archive.
set -euo pipefail
command -v unzip bsdtar >/dev/null || exit 2
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" @shortercode/webzip@0.1.0 >/dev/null 2>&1
cat >write.mjs <<'JS'
import { writeFileSync } from 'fs';
import { ZipArchive } from '@shortercode/webzip';

const archive = new ZipArchive();
await archive.set('a.txt', 'hello');
await archive.set('b.txt', 'hello');
writeFileSync('out.zip', Buffer.from(await archive.to_blob().arrayBuffer()));
JS
node write.mjs
python3 - <<'PY' | tee seen
import struct
import zipfile

with zipfile.ZipFile("out.zip") as archive, open("out.zip", "rb") as file:
    print("zipfile:", archive.testzip() or "no error")
    for entry in archive.infolist():
        file.seek(entry.header_offset + 22)
        print("%s: %d bytes, in the local header %d" % (entry.filename, entry.file_size, *struct.unpack("<I", file.read(4))))
PY
{
  unzip -tq out.zip >/dev/null 2>&1 && echo "unzip: no error" || echo "unzip: error"
  bsdtar -tf out.zip >/dev/null 2>&1 && echo "bsdtar: no error" || echo "bsdtar: error"
} | tee -a seen
diff seen - <<'DONE'
zipfile: no error
a.txt: 5 bytes, in the local header 327680
b.txt: 5 bytes, in the local header 327680
unzip: error
bsdtar: error
DONE
