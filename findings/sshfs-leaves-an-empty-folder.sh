#!/usr/bin/env bash
# Program: sshfs 3.7.3 without -o reconnect (Debian sshfs 3.7.3-1.2~deb12u1) over OpenSSH's
#          sftp-server 9.2, seen 2026-11-30. Needs /dev/fuse and the right to mount.
# Guess:   when the connection ends, the mount stays and gives errors until somebody unmounts
#          it, as with other network mounts: what reads the folder fails.
# Seen:    sshfs ends and takes its mount with it. The folder below is there, empty and
#          healthy: `tar` copies nothing and exits 0. With -o reconnect it fails.
# For us:  an album on such a mount looks like one whose photographs were removed.
set -euo pipefail
tmp=$(mktemp -d)
finish() { ! mountpoint -q "$tmp/mnt" || fusermount3 -uz "$tmp/mnt" || umount -l "$tmp/mnt" || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
[ -w /dev/fuse ] || { echo "no /dev/fuse here: nothing seen"; exit 2; }
apt-get download -q sshfs=3.7.3-1.2~deb12u1 libfuse3-3=3.14.0-4 openssh-sftp-server >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/lib/$(uname -m)-linux-gnu:$tmp/root/usr/lib/$(uname -m)-linux-gnu"
# It answers once; a second connection is refused, as by a server that is away.
printf '#!/bin/sh\n[ ! -e %s/server.pid ] || exit 1\necho $$ >%s/server.pid\nexec %s/root/usr/lib/openssh/sftp-server\n' "$tmp" "$tmp" "$tmp" >server
chmod +x server
mkdir remote mnt
echo photo >remote/1.jpg
echo photo >remote/2.jpg

after_the_connection() {
  rm -f server.pid
  timeout 60 root/usr/bin/sshfs -o "$1,ssh_command=$tmp/server" "host:$tmp/remote" mnt
  before=$(tar -c mnt | tar -t | grep -c jpg)
  kill "$(cat server.pid)"
  sleep 2
  tar -cf copy.tar mnt 2>/dev/null && copying=0 || copying=failed
  echo "$1: tar copied $before files; after the connection: $(tar -tf copy.tar | grep -c jpg), tar $copying"
  fusermount3 -uz mnt 2>/dev/null || umount -l mnt 2>/dev/null || true
}
{ after_the_connection rw; after_the_connection reconnect; } | tee seen
diff seen - <<'DONE'
rw: tar copied 2 files; after the connection: 0, tar 0
reconnect: tar copied 2 files; after the connection: 0, tar failed
DONE
