#!/usr/bin/env bash
# Program: npm yazl 3.3.1, seen 2026-11-30 with Node.js 20.20.
# Guess:   calculatedTotalSize, which is given for a Content-Length, is the size
#          of the archive that follows.
# Seen:    it counts 76 bytes of ZIP64 end records as soon as the central
#          directory has 65,535 bytes (some 1,000 names), while the writer adds
#          them from 65,535 entries or 4 GiB on. A download under that
#          Content-Length never ends well.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" yazl@3.3.1 >/dev/null 2>&1

cat >measure.mjs <<'JS'
import yazl from 'yazl';
for (const count of [500, 1100, 1200, 2000]) {
  const zip = new yazl.ZipFile();
  for (let number = 0; number < count; number++)
    zip.addBuffer(Buffer.from('photo'), `photo-${String(number).padStart(4, '0')}`, { compress: false });
  const told = await new Promise((resolve) => zip.end(resolve));
  let sent = 0;
  for await (const chunk of zip.outputStream) sent += chunk.length;
  console.log(`${count} files: told minus sent = ${told - sent} bytes`);
}
JS
timeout 60 node measure.mjs | tee seen
diff seen - <<'DONE'
500 files: told minus sent = 0 bytes
1100 files: told minus sent = 76 bytes
1200 files: told minus sent = 76 bytes
2000 files: told minus sent = 76 bytes
DONE
