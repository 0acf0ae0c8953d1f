#!/usr/bin/env bash
# Program: ProFTPD 1.3.8 with HiddenStores on (Debian proftpd-core
#          1.3.8+dfsg-4+deb12u5), seen 2026-11-29. Needs root.
# Guess:   ".in.NAME." gets its final name when the upload is whole; that of a
#          client which dies half-way is deleted or stays hidden, all the more
#          with DeleteAbortedStores on.
# Seen:    a client that is killed closes its connections, and in FTP the end of
#          a connection is the end of the file: the half gets the final name.
#          Only an ABOR command counts as aborted.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "not root: nothing seen"; exit 2; }
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
apt-get download -q proftpd-core=1.3.8+dfsg-4+deb12u5 libhiredis0.14 libmemcached11 libmemcachedutil2 libhashkit2 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir album
cat >conf <<CONF
ServerType standalone
DefaultAddress 127.0.0.1
Port $port
UseIPv6 off
PidFile $tmp/pid
ScoreboardFile $tmp/scoreboard
WtmpLog off
TransferLog none
RequireValidShell off
UseFtpUsers off
User root
Group root
<Anonymous $tmp/album>
User root
Group root
UserAlias ftp root
RootLogin on
AnonRequirePassword off
HiddenStores on
DeleteAbortedStores on
</Anonymous>
CONF
root/usr/sbin/proftpd --nodaemon --config "$tmp/conf" >log 2>&1 & server=$!

python3 - "$port" <<'PY' | tee seen
import ftplib, os, signal, sys, time

def names():
    return sorted(os.listdir("album"))

def upload():
    for _ in range(100):
        try:
            client = ftplib.FTP(); client.connect("127.0.0.1", int(sys.argv[1]), 30)
            break
        except OSError:
            time.sleep(0.1)
    client.login("ftp", "ftp")
    client.voidcmd("TYPE I")
    data = client.transfercmd("STOR photo.jpg")
    data.sendall(b"x" * 500_000)  # of a million
    time.sleep(60)

child = os.fork()
if child == 0:
    upload()
deadline = time.monotonic() + 30
while not any(os.path.getsize(f"album/{name}") == 500_000 for name in names()):
    assert time.monotonic() < deadline
    time.sleep(0.1)
print("half-way:", names(), flush=True)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
while names() and names()[0].startswith(".in.") and time.monotonic() < deadline:
    time.sleep(0.1)
print("client killed:", names(), flush=True)
PY
grep -qx "client killed: \['photo.jpg'\]" seen && [ "$(stat -c %s album/photo.jpg)" = 500000 ]
