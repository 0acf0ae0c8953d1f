#!/usr/bin/env bash
# Program: npm client-zip 2.5.1, seen 2026-11-30 with Node.js 20.20.
# Guess:   its ZIP64 support covers the number of entries, too.
# Seen:    from 65,536 entries on the end record holds the marker 65535, and there
#          is no ZIP64 end record with the number: it is written for sizes and
#          offsets only. Info-ZIP's unzip ends with an error, jszip refuses the
#          archive. predictLength agrees with the bytes, so no length shows it.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" client-zip@2.5.1 jszip@3.10.2 >/dev/null 2>&1

cat >write.mjs <<'JS'
import fs from 'fs';
import { makeZip } from 'client-zip';
import JSZip from 'jszip';
for (const count of [65534, 65536]) {
  const lastModified = new Date(2020, 0, 1);
  const files = [...Array(count).keys()].map((number) => ({ name: `${number}.txt`, input: 'x', lastModified }));
  const chunks = [];
  for await (const chunk of makeZip(files)) chunks.push(chunk);
  const archive = Buffer.concat(chunks);
  fs.writeFileSync(`${count}.zip`, archive);
  const records = archive.includes(Buffer.from('PK\x06\x06')) ? 'a' : 'no';
  console.log(`${count} files: end record says ${archive.readUInt16LE(archive.length - 12)}, ${records} ZIP64 end record`);
  await JSZip.loadAsync(archive).then(
    (zip) => console.log(`jszip: ${Object.keys(zip.files).length} files`),
    (error) => console.log(`jszip: ${error.message.split(' :')[0]}`),
  );
}
JS
{
  timeout 300 node write.mjs
  for count in 65534 65536; do
    code=0
    unzip -qq -l "$count.zip" >/dev/null 2>&1 || code=$?
    [ "$code" = 0 ] && echo "unzip -l $count.zip: well" || echo "unzip -l $count.zip: fails"
  done
} | tee seen
diff seen - <<'DONE'
65534 files: end record says 65534, no ZIP64 end record
jszip: 65534 files
65536 files: end record says 65535, no ZIP64 end record
jszip: Corrupted zip: can't find the ZIP64 end of central directory locator
unzip -l 65534.zip: well
unzip -l 65536.zip: fails
DONE
