#!/usr/bin/env bash
# Program: HAProxy 2.6.12, Caddy 2.6.2 and lighttpd 1.4.69 of Debian 12 as fronts
#          with HTTP/2, seen 2026-11-30.
# Guess:   where the server behind closes before its Content-Length is reached,
#          the front resets the stream (RFC 9113, section 8.1.1: malformed).
# Seen:    all three end the stream with END_STREAM, as if the body were whole,
#          under the Content-Length that it falls short of. A client that does not
#          count for itself takes half a file for the whole.
set -euo pipefail
tmp=$(mktemp -d); pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
  rm -rf "$tmp"
}
trap finish EXIT
cd "$tmp"
apt-get download -q haproxy=2.6.12-1+deb12u4 caddy=2.6.2-5 lighttpd=1.4.69-1 \
  liblua5.3-0=5.3.6-2 libopentracing-c-wrapper0=1.1.3-3+b1 libopentracing1=1.6.0-4 \
  libnettle8=3.8.1-2 libxxhash0=0.8.1-1 >apt.log 2>&1 || { cat apt.log; exit 2; }
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu" HOME="$tmp"

cat >server.py <<'PY'
import socketserver

class Half(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + bytes(1000))

with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Half) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
PY
python3 server.py >port & pids+=($!)
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
haproxy=$(free); caddy=$(free); lighttpd=$(free)

cat >haproxy.cfg <<EOF
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen front
  bind 127.0.0.1:$haproxy proto h2
  server behind 127.0.0.1:$(cat port)
EOF
cat >Caddyfile <<EOF
{
  admin off
  auto_https off
  servers {
    protocols h1 h2c
  }
}
http://127.0.0.1:$caddy {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:$(cat port)
}
EOF
cat >lighttpd.conf <<EOF
server.modules = ("mod_proxy")
server.document-root = "$tmp"
server.bind = "127.0.0.1"
server.port = $lighttpd
server.stream-response-body = 2
proxy.server = ("" => (("host" => "127.0.0.1", "port" => $(cat port))))
EOF
root/usr/sbin/haproxy -db -f haproxy.cfg >haproxy.log 2>&1 & pids+=($!)
root/usr/bin/caddy run --config Caddyfile --adapter caddyfile >caddy.log 2>&1 & pids+=($!)
root/usr/sbin/lighttpd -D -f lighttpd.conf -m root/usr/lib/lighttpd >lighttpd.log 2>&1 & pids+=($!)

cat >ask.py <<'PY'
import socket, struct, sys

def frame(kind, flags, stream, content=b""):
    return struct.pack("!I", len(content))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + content

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
received = connection.makefile("rb")
fields = b"\x82\x86\x84" + b"\x01\x09127.0.0.1"  # GET, http, /, authority: RFC 7541, appendix A
connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(1, 5, 1, fields))
size, ending = 0, "the connection ends"
while head := received.read(9):
    content = received.read(int.from_bytes(head[:3], "big"))
    kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
    if kind == 4 and not flags & 1:
        connection.sendall(frame(4, 1, 0))
    if stream != 1:
        continue
    size += len(content) if kind == 0 else 0
    if kind == 3 or kind in (0, 1) and flags & 1:
        ending = "RST_STREAM" if kind == 3 else "END_STREAM"
        break
print(f"{size} bytes, {ending}")
PY
ask() { python3 ask.py "$1"; }
for port in "$haproxy" "$caddy" "$lighttpd"; do
  for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.2; done
done
{
  echo "haproxy: $(ask "$haproxy")"
  echo "caddy: $(ask "$caddy")"
  echo "lighttpd: $(ask "$lighttpd")"
} | tee seen
diff seen - <<'EOF'
haproxy: 1000 bytes, END_STREAM
caddy: 1000 bytes, END_STREAM
lighttpd: 1000 bytes, END_STREAM
EOF
