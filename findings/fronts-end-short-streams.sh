#!/usr/bin/env bash
# Program: HAProxy 2.6.12, Caddy 2.6.2 and lighttpd 1.4.69 of Debian 12 as fronts
#          with HTTP/2, seen 2026-11-30.
# Guess:   where the server behind closes before its Content-Length is reached,
#          the front resets the stream (RFC 9113, section 8.1.1: malformed).
# Seen:    all three end the stream with END_STREAM, as if the body were whole,
#          under the Content-Length that it falls short of. curl counts for
#          itself (18); a client that does not count takes half a file for all.
set -euo pipefail
tmp=$(mktemp -d); pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
  rm -rf "$tmp"
}
trap finish EXIT
cd "$tmp"
curl --version | grep -q HTTP2 || { echo "needs a curl with HTTP/2"; exit 2; }
apt-get download -q haproxy=2.6.12-1+deb12u4 caddy=2.6.2-5 lighttpd=1.4.69-1 \
  liblua5.4-0=5.4.4-3+deb12u1 libopentracing-c-wrapper0=1.1.3-3 libnettle8=3.8.1-2 >apt.log 2>&1 || { cat apt.log; exit 2; }
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
server.modules-dir = "none"
server.document-root = "$tmp"
server.bind = "127.0.0.1"
server.port = $lighttpd
server.stream-response-body = 2
proxy.server = ("" => (("host" => "127.0.0.1", "port" => $(cat port))))
EOF
root/usr/sbin/haproxy -db -f haproxy.cfg >haproxy.log 2>&1 & pids+=($!)
root/usr/bin/caddy run --config Caddyfile --adapter caddyfile >caddy.log 2>&1 & pids+=($!)
root/usr/sbin/lighttpd -D -f lighttpd.conf -m root/usr/lib/lighttpd >lighttpd.log 2>&1 & pids+=($!)

ask() { curl -sS --http2-prior-knowledge -m 20 -o body -w '%{size_download} bytes' "http://127.0.0.1:$1/" 2>err; echo ", curl $?"; }
for port in "$haproxy" "$caddy" "$lighttpd"; do
  for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.2; done
done
{
  echo "haproxy: $(ask "$haproxy")"
  echo "caddy: $(ask "$caddy")"
  echo "lighttpd: $(ask "$lighttpd")"
} | tee seen
diff seen - <<'EOF'
haproxy: 1000 bytes, curl 18
caddy: 1000 bytes, curl 18
lighttpd: 1000 bytes, curl 18
EOF
