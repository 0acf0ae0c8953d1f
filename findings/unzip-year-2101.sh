#!/usr/bin/env bash
# Program: Info-ZIP UnZip 6.00 (Debian unzip 6.0-28+deb12u1), seen 2026-11-29.
# Guess:   a DOS date, which reaches to 2107, comes out as the same date.
# Seen:    2100 counts as a leap year once it is over: every date from 2101-01-01
#          on is one day late, so 2107-12-31 becomes a day of 2108, which no
#          zip date can hold.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
export TZ=UTC

apt-get download -q unzip=6.0-28+deb12u1 >/dev/null 2>&1
dpkg -x unzip_*.deb root

python3 - <<'PY'
import zipfile
with zipfile.ZipFile("dates.zip", "w") as archive:
    for day in (2099, 12, 31), (2100, 12, 31), (2101, 1, 1), (2107, 12, 31):
        name = "%d-%02d-%02d" % day
        archive.writestr(zipfile.ZipInfo(name, (*day, 12, 0, 0)), b"")
PY
root/usr/bin/unzip -q dates.zip -d out
for file in out/*; do
  echo "in the archive ${file#out/}, on disk $(date -u -r "$file" +%F)"
done | tee seen
diff seen - <<'EOF'
in the archive 2099-12-31, on disk 2099-12-31
in the archive 2100-12-31, on disk 2100-12-31
in the archive 2101-01-01, on disk 2101-01-02
in the archive 2107-12-31, on disk 2108-01-01
EOF
