#!/usr/bin/env bash
# Program: docker-proxy, which publishes ports of containers (Debian docker.io
#          20.10.24+dfsg1-1+deb12u1+b6), seen 2026-12-01. Linux.
# Guess:   once a server has sent a file, the proxy has acknowledged every byte
#          and the server has exited, what happens to the file no longer matters
#          to the download.
# Seen:    a client that reads later gets what was written into the file since:
#          the proxy hands pages on by splice and never reads them. Behind socat,
#          which reads, the client gets the file as it was sent.
set -euo pipefail
tmp=$(mktemp -d); proxies=()
finish() { [ ${#proxies[@]} = 0 ] || kill "${proxies[@]}" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
apt-get download -q docker.io=20.10.24+dfsg1-1+deb12u1+b6 socat=1.7.4.4-2 libwrap0=7.6.q-32 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu:$tmp/root/lib/$(uname -m)-linux-gnu"
read -r server docker socat < <(python3 - <<'PY'
import random, socket
free = []
while len(free) < 3:  # below the ports that the system gives to clients
    port = random.randrange(20_000, 32_000)
    with socket.socket() as probe:
        if port not in free and probe.connect_ex(("127.0.0.1", port)):
            free.append(port)
print(*free)
PY
)
root/usr/sbin/docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port "$docker" \
  -container-ip 127.0.0.1 -container-port "$server" 2>/dev/null 3>/dev/null & proxies+=($!)
root/usr/bin/socat "TCP-LISTEN:$socat,bind=127.0.0.1,fork" "TCP:127.0.0.1:$server" & proxies+=($!)

cat >server.py <<'PY'
"""Send a file to one client by sendfile; exit once all of it is acknowledged."""
import array, fcntl, os, socket, sys, termios, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    client, _ = listener.accept()
    if client.recv(100):  # else only somebody who looked whether the port is open
        break
with open("photo.bin", "rb") as file:
    client.sendfile(file)
unsent = array.array("i", [1])
while unsent[0]:
    fcntl.ioctl(client, termios.TIOCOUTQ, unsent)
    time.sleep(0.05)
PY
cat >client.py <<'PY'
import socket, subprocess, sys, time
with open("photo.bin", "wb") as file:
    file.write(b"old " * 50_000)
server = subprocess.Popen([sys.executable, "server.py", sys.argv[1]], stdout=subprocess.PIPE)
server.stdout.readline()
for _ in range(300):
    try:
        client = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
client.sendall(b"?")
assert server.wait(60) == 0  # it has exited, all is acknowledged
time.sleep(1)
with open("photo.bin", "r+b") as file:
    file.write(b"new " * 50_000)
got = b"".join(iter(lambda: client.recv(1 << 20), b""))
print(len(got), "bytes,", got.count(b"new ") * 4, "of them written after the server had exited")
PY
python3 client.py "$server" "$docker" | tee through-docker
python3 client.py "$server" "$socat" | tee through-socat
grep -q '^200000 bytes, [1-9]' through-docker && grep -q '^200000 bytes, 0 of' through-socat
