#!/usr/bin/env bash
# Program: Info-ZIP UnZip 6.0 (Debian unzip 6.0-28+deb12u1), seen 2026-11-30.
# Guess:   a file of exactly 4,294,967,295 bytes, whose size therefore stands in
#          the ZIP64 field, is a file like one of a byte more or less.
# Seen:    the file itself is read, but the next one loses its place: UnZip takes
#          the 64-bit offset in that one's field for its size, lists 6 bytes as
#          4 GiB and looks for the file in the wrong place. bsdtar and Python's
#          zipfile read both. With a byte more or a byte less UnZip is right, too.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get download -q unzip=6.0-28+deb12u1 >/dev/null 2>&1
dpkg -x unzip_*.deb root

cat >sparse.py <<'PY'
"""Write size.zip: a sparse file of zeros of the size given, and after it six bytes."""

import struct
import sys
import zlib

FULL = 2**32 - 1


def crc_of_zeros(size, crc=0, block=bytes(2**26)):
    while size:
        crc = zlib.crc32(block[: min(size, len(block))], crc)
        size -= min(size, len(block))
    return crc


def zip64(*values):
    return struct.pack("<HH%dQ" % len(values), 1, 8 * len(values), *values) if values else b""


size = int(sys.argv[1])
central = b""
with open("%d.zip" % size, "wb") as out:
    for name, length, crc in (b"zeros.bin", size, crc_of_zeros(size)), (b"after.txt", 6, zlib.crc32(b"after\n")):
        offset, wide = out.tell(), length >= FULL
        extra = zip64(length, length) if wide else b""
        short = FULL if wide else length
        version = 45 if wide else 10
        out.write(struct.pack("<4s5H3I2H", b"PK\3\4", version, 0, 0, 0, 23662, crc, short, short, len(name), len(extra)) + name + extra)
        out.seek(length, 1) if length == size else out.write(b"after\n")
        extra = zip64(*[length] * (2 * wide), *[offset] * (offset >= FULL))
        version = 45 if extra else 10
        central += struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 768 + version, version, 0, 0, 0, 23662, crc, short, short,
            len(name), len(extra), 0, 0, 0, 0o100644 << 16, min(offset, FULL),
        ) + name + extra  # fmt: skip
    start = out.tell()
    out.write(central)
    out.write(struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, len(central), start))
    out.write(struct.pack("<4sIQI", b"PK\6\7", 0, start + len(central), 1))
    out.write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 2, 2, len(central), FULL, 0))
PY

for size in 4294967294 4294967295 4294967296; do
  python3 sparse.py $size
  python3 -c 'import sys, zipfile; assert zipfile.ZipFile(sys.argv[1]).read("after.txt") == b"after\n"' $size.zip
  echo "$size: listed as $(root/usr/bin/unzip -l $size.zip after.txt 2>/dev/null | awk 'NR == 4 {print $1}') bytes," \
    "read as '$(root/usr/bin/unzip -p $size.zip after.txt 2>/dev/null || true)'"
done | tee seen
diff seen - <<'DONE'
4294967294: listed as 6 bytes, read as 'after'
4294967295: listed as 4294967354 bytes, read as ''
4294967296: listed as 6 bytes, read as 'after'
DONE
