#!/usr/bin/env bash
# Program: restic 0.14.0 (Debian restic 0.14.0-1+b5), command "restore", seen 2026-11-30.
# Guess:   a file that is being restored has a temporary name, a size that grows, or is open.
# Seen:    with a repository that is slower than the disk it has its final name, its whole
#          size and its blocks from the beginning, and nobody has it open for seconds: restic
#          opens and closes it for each piece. Most of it reads as zeros meanwhile, and only
#          the time of modification tells, which is put back at the end.
# For us:  this project waits for files that changed lately and have holes.
set -euo pipefail
tmp=$(mktemp -d); restore=
finish() { [ -z "$restore" ] || kill "$restore" 2>/dev/null || true; wait; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
apt-get download -q restic=0.14.0-1+b5 >/dev/null 2>&1
dpkg -x restic_*.deb root
export RESTIC_PASSWORD=example RESTIC_CACHE_DIR="$tmp/cache"
restic=$tmp/root/usr/bin/restic
mkdir album out
head -c 24000000 /dev/urandom >album/photo.jpg
touch -d 2024-05-05 album/photo.jpg
"$restic" -q -r repo init
(cd album; "$restic" -q -r ../repo backup photo.jpg)

timeout 120 "$restic" -q -r repo restore latest --target out --limit-download 1000 & restore=$!
holders() { find /proc/[0-9]*/fd -lname "$tmp/out/photo.jpg" 2>/dev/null | wc -l; }
idle=0
for _ in $(seq 600); do
  if [ -e out/photo.jpg ] && ! cmp -s album/photo.jpg out/photo.jpg; then
    if [ "$(holders)" = 0 ]; then idle=$((idle + 1)); fi
    if [ "$idle" = 20 ]; then stat -c '%n: %s bytes' out/photo.jpg | tee seen; fi
  fi
  kill -0 "$restore" 2>/dev/null || break
  sleep 0.1
done
wait "$restore"; restore=
[ "$idle" -ge 20 ] && echo "half of it, and not open in 20 looks or more" | tee -a seen
cmp album/photo.jpg out/photo.jpg && echo "whole at the end" | tee -a seen
diff seen - <<'DONE'
out/photo.jpg: 24000000 bytes
half of it, and not open in 20 looks or more
whole at the end
DONE
