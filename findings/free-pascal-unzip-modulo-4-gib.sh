#!/usr/bin/env bash
# Program: TUnZipper, unit Zipper of Free Pascal 3.2.2 (Debian fp-compiler-3.2.2
#          3.2.2+dfsg-20 and its units, amd64), seen 2026-12-01.
# Guess:   a stored file behind 4 GiB is extracted, for the unit reads ZIP64; or an exception
#          says that it cannot be.
# Seen:    where its local header has an extra field, such as the times of Info-ZIP, the data
#          is read at the position modulo 4 GiB: note.txt gets its right size, and bytes of
#          the film in front of it. The checksum of a stored file is not compared.
set -euo pipefail
command -v ld >/dev/null || { echo "binutils are missing"; exit 2; }
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get download -q fp-{compiler,units-rtl,units-base}-3.2.2=3.2.2+dfsg-20 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
fpc=$(echo root/usr/lib/*/fpc/3.2.2)

cat >unpack.pas <<'PAS'
program unpack; {$mode objfpc}{$H+}
uses Classes, Zipper;
var unzipper: TUnZipper;
begin
  unzipper := TUnZipper.Create;
  unzipper.FileName := ParamStr(1);
  unzipper.OutputPath := ParamStr(2);
  unzipper.UnZipAllFiles;
  writeln(unzipper.Entries.Count, ' entries, no exception');
end.
PAS
"$fpc/ppcx64" -n -v0 -Fu"$fpc/units/x86_64-linux/*" unpack.pas

python3 - <<'PY'
import struct
import zipfile
import zlib

zipfile.ZIP64_LIMIT = 0xFFFFFFFE  # that of the format; Python's own is half of it
TIMES = struct.pack("<HHBL", 0x5455, 5, 1, 1_600_000_000)


def write(path, size, extra):
    """Write an archive of a film, most of it a hole in a sparse file, and of a note."""
    text = b"film " * 40
    crc = zlib.crc32(text)
    for begin in range(len(text), size, 10**7):
        crc = zlib.crc32(bytes(min(size - begin, 10**7)), crc)
    film, note = zipfile.ZipInfo("film.avi"), zipfile.ZipInfo("note.txt")
    film.file_size = film.compress_size = size
    film.CRC, film.header_offset, note.extra = crc, 0, extra
    with zipfile.ZipFile(path, "w") as archive:
        archive.fp.write(film.FileHeader() + text)
        archive.fp.seek(size - len(text), 1)
        archive.filelist.append(film)
        archive.start_dir = archive.fp.tell()
        archive.writestr(note, b"behind")
    with zipfile.ZipFile(path) as archive:
        assert archive.read("note.txt") == b"behind"


write("small.zip", 10**7, TIMES)
write("large.zip", 0xFFFFFFF0, TIMES)
write("large-without-times.zip", 0xFFFFFFF0, b"")
PY
for name in small large-without-times large; do
  mkdir "$name"
  ./unpack "$name.zip" "$name"
  echo "$name.zip: note.txt holds '$(cat "$name/note.txt")'"
  rm "$name/film.avi"
done | tee seen
diff seen - <<'EOF'
2 entries, no exception
small.zip: note.txt holds 'behind'
2 entries, no exception
large-without-times.zip: note.txt holds 'behind'
2 entries, no exception
large.zip: note.txt holds 'ilm fi'
EOF
