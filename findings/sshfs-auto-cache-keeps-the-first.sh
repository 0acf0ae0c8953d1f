#!/usr/bin/env bash
# Program: sshfs 3.7.3 with -o auto_cache (Debian sshfs 3.7.3-1.2~deb12u1) over OpenSSH's
#          sftp-server 9.2, seen 2026-11-30. Needs /dev/fuse and the right to mount.
# Guess:   auto_cache drops what the kernel has of a file once the file is another: a file
#          that the server's owner writes twice is read as it is, a moment later at most.
# Seen:    of two versions of equal length, written within one second, the mount shows the
#          first one for good, half a minute later as well. SFTP tells times in whole
#          seconds, and auto_cache compares these and the length. Without the option the
#          second version is read at once.
# For us:  the archive has the old picture, with a right checksum, until the kernel forgets it.
set -euo pipefail
tmp=$(mktemp -d)
finish() { ! mountpoint -q "$tmp/mnt" || fusermount3 -u "$tmp/mnt" || fusermount -u "$tmp/mnt" || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
[ -w /dev/fuse ] || { echo "no /dev/fuse here: nothing seen"; exit 2; }
apt-get download -q sshfs=3.7.3-1.2~deb12u1 libfuse3-3=3.14.0-4 openssh-sftp-server >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/lib/$(uname -m)-linux-gnu:$tmp/root/usr/lib/$(uname -m)-linux-gnu"
printf '#!/bin/sh\nexec %s/root/usr/lib/openssh/sftp-server\n' "$tmp" >server
chmod +x server
mkdir remote mnt

with_option() {
  timeout 60 root/usr/bin/sshfs -o "$1,ssh_command=$tmp/server" "host:$tmp/remote" mnt
  # Early in a second, so that both versions belong to it.
  while [ "$(date +%N | cut -c 1)" != 1 ]; do sleep 0.02; done
  echo version-1 >remote/file
  first=$(cat mnt/file)
  echo version-2 >remote/file
  sleep 30  # longer than sshfs itself keeps what it knows
  echo "$1: read $first, and after 30 s $(cat mnt/file)"
  fusermount3 -u mnt || fusermount -u mnt
}
{ with_option auto_cache; with_option rw; } | tee seen
diff seen - <<'DONE'
auto_cache: read version-1, and after 30 s version-1
rw: read version-1, and after 30 s version-2
DONE
