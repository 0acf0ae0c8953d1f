#!/usr/bin/env bash
# Program: archivemount 0.8.7 (Debian archivemount 0.8.7-1+b1), seen 2026-11-29.
#          Needs /dev/fuse and the right to mount.
# Guess:   in a UTF-8 locale, names in UTF-8 show up as they are.
# Seen:    the listing ends before the first name outside ASCII, and every later
#          entry is missing too. The mount succeeds and says nothing.
#          fuse-zip 0.5.0 shows all four.
set -euo pipefail
tmp=$(mktemp -d); mounted=
finish() { [ -z "$mounted" ] || fusermount3 -u "$tmp/mnt" || fusermount -u "$tmp/mnt" || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
[ -w /dev/fuse ] || { echo "no /dev/fuse here: nothing seen"; exit 2; }
apt-get download -q archivemount=0.8.7-1+b1 libfuse2=2.9.9-6+b1 libarchive13=3.6.2-1+deb12u5 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu:$tmp/root/lib/$(uname -m)-linux-gnu"
export LC_ALL=C.UTF-8

python3 - <<'PY'
import zipfile
with zipfile.ZipFile("four.zip", "w") as archive:
    for name in "1.txt", "2-\u00e9.txt", "3.txt", "4.txt":
        archive.writestr(name, name)
PY
mkdir mnt
timeout 60 root/usr/bin/archivemount -o readonly four.zip mnt
mounted=1
names=$(ls mnt | tr '\n' ' ')
echo "mounted with exit code 0; four entries in the archive, in the mount: $names"
[ "$names" = "1.txt " ]
