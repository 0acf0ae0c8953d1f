#!/usr/bin/env bash
# Program: zip readers of Debian 12: rubyzip 2.3.2 (ruby-zip 2.3.2-1), Perl's
#          Archive::Zip 1.68 (libarchive-zip-perl 1.68-1) and gsf of libgsf 1.14.50
#          (libgsf-bin 1.14.50-1+deb12u1), seen 2026-11-30.
# Guess:   an archive whose comment has 65,535 bytes, all that its field can say, is
#          read like one whose comment has 30,000.
# Seen:    none of the three finds the end record before such a comment, for they do
#          not look for it as far from the end. UnZip, bsdtar, unar and Python's
#          zipfile read both.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get download -q ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-zip=2.3.2-1 libyaml-0-2 \
  libarchive-zip-perl=1.68-1 libgsf-bin=1.14.50-1+deb12u1 libgsf-1-114=1.14.50-1+deb12u1 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
machine="$(uname -m)-linux-gnu"
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$machine"
rubyzip=$(find root -path '*/lib/zip.rb')
export RUBYLIB="$tmp/${rubyzip%/zip.rb}:$tmp/root/usr/lib/ruby/3.1.0:$tmp/root/usr/lib/$machine/ruby/3.1.0"

python3 - <<'PY'
import zipfile

for length in 30000, 65535:
    with zipfile.ZipFile("%d.zip" % length, "w") as archive:
        archive.writestr("photo.jpg", b"x")
        archive.comment = b"c" * length
PY
said() { "$@" 2>/dev/null | grep -c photo.jpg || true; }
for length in 30000 65535; do
  echo "$length: rubyzip $(said root/usr/bin/ruby3.1 --disable-gems -r zip -e 'puts Zip::File.new(ARGV[0]).map(&:name)' $length.zip)," \
    "Archive::Zip $(said perl -Iroot/usr/share/perl5 -MArchive::Zip -e 'print Archive::Zip->new($ARGV[0])->memberNames' $length.zip)," \
    "gsf $(said root/usr/bin/gsf list $length.zip)"
done | tee seen
diff seen - <<'DONE'
30000: rubyzip 1, Archive::Zip 1, gsf 1
65535: rubyzip 0, Archive::Zip 0, gsf 0
DONE
