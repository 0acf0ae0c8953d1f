#!/usr/bin/env bash
# Program: Squid 5.7 (Debian squid 5.7-2+deb12u6) as accelerator with
#          range_offset_limit none, seen 2026-11-29.
# Guess:   a range with an If-Range tag that is not the object's gets the whole
#          object with 200, from the cache and from the server alike.
# Seen:    on a miss Squid takes Range and If-Range off, fetches the whole, and
#          cuts it without comparing the tag: 206 with bytes of another version,
#          so a resumed download becomes a mix. On a hit it answers 200.
set -euo pipefail
tmp=$(mktemp -d); server=; squid=
finish() {
  for pid in $server $squid; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
  rm -rf "$tmp"
}
trap finish EXIT
chmod 755 "$tmp"
cd "$tmp"
apt-get download -q squid=5.7-2+deb12u6 squid-common=5.7-2+deb12u6 squid-langpack=20220130-1 \
  libecap3=1.0.1-3.4 libnetfilter-conntrack3=1.0.9-3 libltdl7=2.4.7-7~deb12u1 libtdb1=1.4.8-2 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu"

cat >server.py <<'PY'
import http.server

class Whole(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args): pass
    def do_GET(self):
        with open("asked", "a") as asked:
            print(self.path, self.headers.get("Range"), self.headers.get("If-Range"), file=asked)
        self.send_response(200)
        for name, value in ("ETag", '"new"'), ("Cache-Control", "max-age=600"), ("Content-Length", "1000"):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(bytes(1000))

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Whole)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir run; chmod 777 run
cat >squid.conf <<EOF
http_port 127.0.0.1:$port accel defaultsite=localhost no-vhost
cache_peer 127.0.0.1 parent $(cat port) 0 no-query no-digest originserver
http_access allow all
range_offset_limit none
cache_mem 16 MB
access_log none
cache_log $tmp/run/cache.log
pid_filename $tmp/run/squid.pid
coredump_dir $tmp/run
cache_effective_user nobody
icon_directory $tmp/root/usr/share/squid/icons
mime_table $tmp/root/usr/share/squid/mime.conf
error_directory $tmp/root/usr/share/squid-langpack/en
pinger_enable off
netdb_filename none
shutdown_lifetime 1 seconds
EOF
root/usr/sbin/squid -N -f "$tmp/squid.conf" >log 2>&1 & squid=$!
for _ in $(seq 100); do [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/ready")" = 200 ] && break; sleep 0.2; done

ask() { curl -sS -m 20 -o body -w '%{http_code}, %{size_download} bytes' -H 'Range: bytes=0-9' -H 'If-Range: "old"' "http://127.0.0.1:$port/photo"; }
{
  echo "miss: $(ask)"
  echo "hit: $(ask)"
  echo "the server was asked: $(grep /photo asked)"
} | tee seen
diff seen - <<'EOF'
miss: 206, 10 bytes
hit: 200, 1000 bytes
the server was asked: /photo None None
EOF
