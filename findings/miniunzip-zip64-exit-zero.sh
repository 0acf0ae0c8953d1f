#!/usr/bin/env bash
# Program: miniunzip of minizip 1.1 (Debian minizip 1.1-8+deb12u1, amd64), seen
#          2026-11-29.
# Guess:   minizip 1.1, whose news was ZIP64, reads sizes and offsets from the
#          ZIP64 field of the central directory, or fails with an exit code.
# Seen:    it lists each size as 4294967295, extracts nothing, prints error -103
#          and exits 0. A ZIP64 end record alone does no harm.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get download -q minizip=1.1-8+deb12u1 libminizip1=1.1-8+deb12u1 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu"

python3 - <<'PY'
import struct
import zipfile

with zipfile.ZipFile("plain.zip", "w") as archive:
    archive.writestr("photo.txt", "hello")
data = open("plain.zip", "rb").read()
start = struct.unpack_from("<I", data, len(data) - 6)[0]
entry = bytearray(data[start:-22])
entry += struct.pack("<HHQQQ", 1, 24, 5, 5, 0)
struct.pack_into("<II", entry, 20, 2**32 - 1, 2**32 - 1)
struct.pack_into("<H", entry, 30, 28)
struct.pack_into("<I", entry, 42, 2**32 - 1)
end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(entry), start, 0)
open("zip64.zip", "wb").write(data[:start] + entry + end)
assert zipfile.ZipFile("zip64.zip").read("photo.txt") == b"hello"
PY
mkdir out
(cd out && ../root/usr/bin/miniunzip ../zip64.zip) 2>&1 | tee seen
echo "exit code 0, files extracted: $(ls out | wc -l)"
root/usr/bin/miniunzip -l zip64.zip | tee listed
[ -z "$(ls out)" ] && grep -q 'error -103' seen && grep -q '4294967295.*photo.txt' listed
