#!/usr/bin/env bash
# Program: Lua's zip 1.2.3 (Debian lua-zip 1.2.3-13), PHP's PharData 8.2.36
#          (php8.2-cli 8.2.36-1~deb12u1) and Perl's IO::Uncompress::Unzip 2.106
#          (perl-modules-5.36 5.36.0-7+deb12u4), seen 2026-11-30.
# Guess:   an archive without entries, the 22 bytes of an end record, is an empty list.
# Seen:    Lua's zip cannot open it, PharData calls it corrupt, and the loop of the
#          manual of IO::Uncompress::Unzip finds one member, without a name, in it.
#          UnZip, bsdtar, jar, zipfile, rubyzip and the readers of npm find none.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get download -q lua-zip=1.2.3-13 lua5.1=5.1.5-9 libzzip-0-13=0.13.72+dfsg.1-1.1 \
  php8.2-cli=8.2.36-1~deb12u1 libsodium23 libargon2-1 libxml2 libicu72 libpcre2-8-0 php8.2-common=8.2.36-1~deb12u1 \
  perl-base=5.36.0-7+deb12u4 perl-modules-5.36=5.36.0-7+deb12u4 libperl5.36=5.36.0-7+deb12u4 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
lib="$tmp/root/usr/lib/$(uname -m)-linux-gnu"
export LD_LIBRARY_PATH="$lib"

python3 - <<'PY'
import zipfile

zipfile.ZipFile("empty.zip", "w").close()
with zipfile.ZipFile("one.zip", "w") as archive:
    archive.writestr("photo.jpg", b"x")
PY
cat >list.lua <<'LUA'
local archive = require("zip").open(arg[1])
if not archive then print("not opened") os.exit() end
local count = 0
for _ in archive:files() do count = count + 1 end
print(count)
LUA
cat >list.php <<'PHP'
<?php
try { echo count(new PharData($argv[1])), "\n"; } catch (UnexpectedValueException $error) { echo "not opened\n"; }
PHP
cat >list.pl <<'PL'
use IO::Uncompress::Unzip;
my $zip = IO::Uncompress::Unzip->new($ARGV[0]) or do { print "not opened\n"; exit };
my ($count, $buffer) = (0);
for (my $status = 1; $status > 0; $status = $zip->nextStream) {
  $count++;
  1 while $zip->read($buffer) > 0;
}
print "$count\n";
PL
for archive in one empty; do
  echo "$archive: Lua $(LUA_CPATH="$lib/lua/5.1/?.so" root/usr/bin/lua5.1 list.lua $archive.zip)," \
    "PHP $(root/usr/bin/php8.2 -n -d extension="$(echo "$tmp"/root/usr/lib/php/2*/phar.so)" list.php $archive.zip)," \
    "Perl $(root/usr/bin/perl -I"$lib/perl/5.36" -Iroot/usr/share/perl/5.36 -I"$lib/perl-base" list.pl $archive.zip)"
done | tee seen
diff seen - <<'DONE'
one: Lua 1, PHP 1, Perl 1
empty: Lua not opened, PHP not opened, Perl 1
DONE
