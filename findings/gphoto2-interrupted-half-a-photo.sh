#!/usr/bin/env bash
# Program: gphoto2 2.5.28 with libgphoto2 2.5.30 (Debian gphoto2 2.5.28-2), "--get-all-files",
#          seen 2026-11-30. The camera is a folder, as a mounted card would be.
# Guess:   who is interrupted with Ctrl-C fails, and leaves nothing or a file with a temporary
#          name.
# Seen:    it stops in the middle of a photograph, gives the half its final name and exits 0.
#          (Killed hard, it leaves a file tmpfileXXXXXX.)
# For us:  a half that is closed and has its final name can't be told from a photograph.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get download -q gphoto2=2.5.28-2 libgphoto2-6=2.5.30-1 libgphoto2-port12=2.5.30-1 \
  libcdk5nc6 libaa1 libexif12 libltdl7 libpopt0 libusb-1.0-0 libgd3 libslang2 libgpm2 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
lib=$tmp/root/usr/lib/$(uname -m)-linux-gnu
export LD_LIBRARY_PATH="$lib:$tmp/root/lib/$(uname -m)-linux-gnu" HOME="$tmp"
export CAMLIBS="$lib/libgphoto2/2.5.30" IOLIBS="$lib/libgphoto2_port/0.12.1"

mkdir -p card/DCIM/100CANON album
head -c 400000000 /dev/zero >card/DCIM/100CANON/IMG_0001.JPG
(cd album; exec "$tmp/root/usr/bin/gphoto2" -q --camera "Mass Storage Camera" \
  --port "disk:$tmp/card" --get-all-files) & program=$!
for _ in $(seq 2000); do
  [ -z "$(find album -name 'tmpfile*' -size +1M)" ] || break
  sleep 0.01
done
kill -INT "$program"
wait "$program" && status=0 || status=$?
size=$(stat -c %s album/IMG_0001.JPG)
[ "$size" -lt 400000000 ] && half=yes || half=no
echo "left [$(ls album)], cut short: $half, exit status: $status" | tee seen
diff seen - <<'DONE'
left [IMG_0001.JPG], cut short: yes, exit status: 0
DONE
