#!/usr/bin/env bash
# Program: unzzip of zziplib 0.13.72 (Debian zziplib-bin 0.13.72+dfsg.1-1.1),
#          seen 2026-11-29.
# Guess:   extracting "a/b.txt" makes the folder "a" and the file "b.txt" in it.
# Seen:    it makes a folder named "a/b.txt", writes no data, and exits 0.
#          unzzip-mem, unzzip-mix and unzzip-big do the same. Files at the top
#          of the archive come out well, but empty with unzzip-mix.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get download -q zziplib-bin=0.13.72+dfsg.1-1.1 libzzip-0-13=0.13.72+dfsg.1-1.1 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu"

python3 - <<'PY'
import zipfile
with zipfile.ZipFile("two.zip", "w") as archive:
    archive.writestr("top.txt", "top")
    archive.writestr("a/b.txt", "deep")
PY
for tool in unzzip unzzip-mem unzzip-mix unzzip-big; do
  mkdir "$tool"
  (cd "$tool" && "$tmp/root/usr/bin/$tool" ../two.zip)
  echo "$tool: exit code 0, top.txt is a $(stat -c %F "$tool/top.txt"), a/b.txt is a $(stat -c %F "$tool/a/b.txt")"
  [ -f "$tool/top.txt" ] && [ -d "$tool/a/b.txt" ]
done
