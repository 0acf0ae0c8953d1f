#!/usr/bin/env bash
# Program: npm jszip 3.10.2, node-stream-zip 1.16.0, unzipit 2.1.1, pizzip 3.3.0,
#          yauzl 2.10.0 (which extract-zip and decompress use), and Perl's
#          Archive::Zip 1.68 (Debian libarchive-zip-perl 1.68-1); seen 2026-11-30
#          with Node.js 20.20.
# Guess:   who reads 65,534 and 65,536 entries reads 65,535.
# Seen:    65,535 fits the 16-bit count, so Python's zipfile and Info-ZIP write no
#          ZIP64 records for it; these six take it for the marker, look for those
#          records, and refuse the archive. yauzl 3, adm-zip, fflate and zip.js read
#          it. All read it when the packer adds the records.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" jszip@3.10.2 node-stream-zip@1.16.0 \
  unzipit@2.1.1 pizzip@3.3.0 yauzl2@npm:yauzl@2.10.0 yauzl@3.4.0 adm-zip@0.6.1 fflate@0.8.3 @zip.js/zip.js@2.24.0 >/dev/null 2>&1
apt-get download -q libarchive-zip-perl=1.68-1 >/dev/null 2>&1
dpkg -x libarchive-zip-perl_*.deb root

python3 - <<'PY'
import struct
import zipfile
for count in 65534, 65535, 65536:
    with zipfile.ZipFile("%d.zip" % count, "w") as archive:
        for number in range(count):
            archive.writestr("%05d" % number, b"x")
data = open("65535.zip", "rb").read()
size, start = struct.unpack("<II", data[-10:-2])
end64 = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 65535, 65535, size, start)
locator = struct.pack("<4sIQI", b"PK\6\7", 0, start + size, 1)
open("65535-zip64.zip", "wb").write(data[:-22] + end64 + locator + data[-22:])
PY
cat >read.js <<'JS'
const fs = require('fs');
const opened = (yauzl, file) => new Promise((resolve, reject) =>
  yauzl.open(file, (error, zip) => (error ? reject(error) : resolve(zip.entryCount))));
const entries = {
  jszip: async (file) => Object.keys((await require('jszip').loadAsync(fs.readFileSync(file))).files).length,
  'node-stream-zip': async (file) => {
    const zip = new (require('node-stream-zip').async)({ file });
    return zip.entriesCount.finally(() => zip.close().catch(() => {}));
  },
  unzipit: async (file) => Object.keys((await require('unzipit').unzip(new Uint8Array(fs.readFileSync(file)))).entries).length,
  pizzip: async (file) => Object.keys(new (require('pizzip'))(fs.readFileSync(file)).files).length,
  'yauzl 2': async (file) => opened(require('yauzl2'), file),
  'yauzl 3': async (file) => opened(require('yauzl'), file),
  'adm-zip': async (file) => new (require('adm-zip'))(file).getEntries().length,
  fflate: async (file) => Object.keys(require('fflate').unzipSync(fs.readFileSync(file))).length,
  'zip.js': async (file) => {
    const { ZipReader, Uint8ArrayReader } = require('@zip.js/zip.js');
    return (await new ZipReader(new Uint8ArrayReader(new Uint8Array(fs.readFileSync(file)))).getEntries()).length;
  },
};
(async () => {
  for (const [name, count] of Object.entries(entries)) {
    const seen = [];
    for (const file of ['65534', '65535', '65535-zip64', '65536'])
      seen.push(`${file}: ${await count(`${file}.zip`).catch(() => 'refused')}`);
    console.log(`${name}: ${seen.join(', ')}`);
  }
  process.exit(0);
})();
JS
{
  timeout 300 node read.js
  echo "Archive::Zip: $(for file in 65534 65535 65535-zip64 65536; do
    timeout 60 perl -Iroot/usr/share/perl5 -MArchive::Zip -e '
      my $zip = Archive::Zip->new;
      Archive::Zip::setErrorHandler(sub {});
      print "$ARGV[0]: ", $zip->read("$ARGV[0].zip") == 0 ? scalar($zip->members) : "refused", "\n"' "$file"
  done | paste -sd, | sed 's/,/, /g')"
} | tee seen
diff seen - <<'DONE'
jszip: 65534: 65534, 65535: refused, 65535-zip64: 65535, 65536: 65536
node-stream-zip: 65534: 65534, 65535: refused, 65535-zip64: 65535, 65536: 65536
unzipit: 65534: 65534, 65535: refused, 65535-zip64: 65535, 65536: 65536
pizzip: 65534: 65534, 65535: refused, 65535-zip64: 65535, 65536: 65536
yauzl 2: 65534: 65534, 65535: refused, 65535-zip64: 65535, 65536: 65536
yauzl 3: 65534: 65534, 65535: 65535, 65535-zip64: 65535, 65536: 65536
adm-zip: 65534: 65534, 65535: 65535, 65535-zip64: 65535, 65536: 65536
fflate: 65534: 65534, 65535: 65535, 65535-zip64: 65535, 65536: 65536
zip.js: 65534: 65534, 65535: 65535, 65535-zip64: 65535, 65536: 65536
Archive::Zip: 65534: 65534, 65535: refused, 65535-zip64: 65535, 65536: 65536
DONE
