#!/usr/bin/env bash
# Program: Pure-FTPd 1.0.50 with -0 (--notruncate; Debian pure-ftpd
#          1.0.50-2.1+b2), seen 2026-11-29. Needs root.
# Guess:   with -0 an upload goes to a temporary name and gets its own when it is
#          whole, so an old file stays where the client of its successor dies.
# Seen:    the half of a client that is killed replaces the whole old file.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "not root: nothing seen"; exit 2; }
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
apt-get download -q pure-ftpd=1.0.50-2.1+b2 pure-ftpd-common >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir album
head -c 800000 /dev/zero >album/photo.jpg
chmod 711 "$tmp"; chown -R 65534:65534 album
printf 'site\nsite\n' | root/usr/bin/pure-pw useradd site -f users -m -F users.pdb -u 65534 -g 65534 -d "$tmp/album" >/dev/null
root/usr/sbin/pure-ftpd -0 -A -H -u1 -S "127.0.0.1,$port" -l "puredb:$tmp/users.pdb" -g "$tmp/pid" >log 2>&1 & server=$!

python3 - "$port" <<'PY' | tee seen
import ftplib, os, signal, sys, time

def sizes():
    return {name[:16]: os.path.getsize(f"album/{name}") for name in sorted(os.listdir("album"))}

def upload():
    for _ in range(100):
        try:
            client = ftplib.FTP(); client.connect("127.0.0.1", int(sys.argv[1]), 30)
            break
        except OSError:
            time.sleep(0.1)
    client.login("site", "site")
    client.voidcmd("TYPE I")
    data = client.transfercmd("STOR photo.jpg")
    data.sendall(b"x" * 500_000)  # of a million
    time.sleep(60)

child = os.fork()
if child == 0:
    upload()
deadline = time.monotonic() + 30
while 500_000 not in sizes().values():
    assert time.monotonic() < deadline
    time.sleep(0.1)
print("half-way:", sizes(), flush=True)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
while len(sizes()) > 1 and time.monotonic() < deadline:
    time.sleep(0.1)
print("client killed:", sizes(), flush=True)
PY
grep -qx "client killed: {'photo.jpg': 500000}" seen
