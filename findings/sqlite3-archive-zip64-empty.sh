#!/usr/bin/env bash
# Program: sqlite3 shell 3.40.1, option -A and table function zipfile()
#          (Debian sqlite3 3.40.1-2+deb12u2), seen 2026-11-29.
# Guess:   an archive whose end record refers to the ZIP64 one is listed, or is
#          refused with an error.
# Seen:    no row, no word, exit code 0: the archive passes for an empty one.
#          The archive here is tiny; one above 4 GiB, which cannot do without
#          the ZIP64 record, looks just as empty.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get download -q sqlite3=3.40.1-2+deb12u2 >/dev/null 2>&1
dpkg -x sqlite3_*.deb root

python3 - <<'PY'
import struct
import zipfile

with zipfile.ZipFile("plain.zip", "w") as archive:
    archive.writestr("photo.txt", "hello")
data = open("plain.zip", "rb").read()
body, end = data[:-22], data[-22:]
size, start = struct.unpack_from("<II", end, 12)
record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, start)
locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(body), 1)
last = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
open("zip64.zip", "wb").write(body + record + locator + last)
assert zipfile.ZipFile("zip64.zip").namelist() == ["photo.txt"]
PY
for name in plain zip64; do
  root/usr/bin/sqlite3 -A -t -f "$name.zip" >"$name.list"
  rows=$(root/usr/bin/sqlite3 :memory: "select count(*) from zipfile('$name.zip')")
  echo "$name.zip: exit code 0, -A lists $(wc -l <"$name.list") entries, zipfile() has $rows"
done | tee seen
diff seen - <<'EOF'
plain.zip: exit code 0, -A lists 1 entries, zipfile() has 1
zip64.zip: exit code 0, -A lists 0 entries, zipfile() has 0
EOF
