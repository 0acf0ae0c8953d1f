#!/usr/bin/env bash
# Program: justunzip 0.0.11 (PyPI), seen 2026-11-30 with Python 3.11.
# Guess:   a stored file whose sizes stand in a ZIP64 field is extracted, or refused.
# Seen:    it writes an empty file in its place, prints no warning, goes on with the files
#          behind it and exits 0.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check justunzip==0.0.11 2>/dev/null

python3 - <<'PY'
import zipfile
with zipfile.ZipFile("album.zip", "w") as archive:
    with archive.open("1.jpg", "w", force_zip64=True) as file:
        file.write(bytes(range(256)) * 4000)
    archive.writestr("2.jpg", bytes(range(256)) * 40)
PY
unzip -tq album.zip 2>/dev/null || python3 -m zipfile -t album.zip
mkdir out; cd out
code=0; ../venv/bin/justunzip ../album.zip 2>warnings >/dev/null || code=$?
{ echo "exit code $code, $(wc -c <warnings) bytes of warnings"; stat -c '%n: %s bytes' ./*.jpg; } | tee seen
diff seen - <<'DONE'
exit code 0, 0 bytes of warnings
./1.jpg: 0 bytes
./2.jpg: 10240 bytes
DONE
