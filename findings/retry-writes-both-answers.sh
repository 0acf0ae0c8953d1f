#!/usr/bin/env bash
# Program: Ruby's net/http and open-uri 3.1.2, Perl's HTTP::Tiny 0.080 (Debian
#          ruby3.1 3.1.7+really3.1.2-0+deb12u1, perl-modules-5.36 5.36.0-7+deb12u4), seen 2026-11-30.
# Guess:   a body that breaks off is an error, or a retry that begins the file anew.
# Seen:    they repeat the request by themselves and hand the whole second answer
#          to the same block: the file has half of the first answer, then all of
#          the second, and they report success.  Ruby does so at a reset (an early
#          end is a success at once), HTTP::Tiny at an early end.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
apt-get download -q ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 libyaml-0-2 perl-modules-5.36=5.36.0-7+deb12u4 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
lib="$tmp/root/usr/lib/$(uname -m)-linux-gnu"
export LD_LIBRARY_PATH="$lib" RUBYLIB="$tmp/root/usr/lib/ruby/3.1.0:$lib/ruby/3.1.0" no_proxy=127.0.0.1

cat >server.py <<'PY'
import http.server
import socket
import struct
import sys
import time

SIZE = 1000000

class BreaksOnce(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    has_broken = False

    def log_message(self, *args): pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()
        if BreaksOnce.has_broken:
            self.wfile.write(b"B" * SIZE)
            return
        BreaksOnce.has_broken = True
        self.wfile.write(b"A" * (SIZE // 2))
        time.sleep(1)
        self.close_connection = True
        if sys.argv[1] == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

class Server(http.server.ThreadingHTTPServer):
    def shutdown_request(self, request):
        request.close()

server = Server(("127.0.0.1", 0), BreaksOnce)
print(server.server_port, flush=True)
server.serve_forever()
PY
cat >net-http.rb <<'RB'
require 'net/http'
uri = URI(ARGV[0])
File.open('out.zip', 'wb') do |file|
  Net::HTTP.start(uri.host, uri.port) do |http|
    http.request(Net::HTTP::Get.new(uri)) { |answer| answer.read_body { |piece| file.write(piece) } }
  end
end
RB
cat >open-uri.rb <<'RB'
require 'open-uri'
IO.copy_stream(URI.open(ARGV[0]), 'out.zip')
RB
cat >http-tiny.pl <<'PL'
use HTTP::Tiny;
exit !HTTP::Tiny->new->mirror($ARGV[0], 'out.zip')->{success};
PL

fetch() {
  name=$1 how=$2; shift 2
  rm -f out.zip port
  python3 server.py "$how" >port 2>/dev/null & server=$!
  for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done
  code=0; timeout 60 "$@" "http://127.0.0.1:$(cat port)/out.zip" >log 2>&1 || code=$?
  kill "$server"; wait "$server" 2>/dev/null || true; server=
  begun=none; grep -q A out.zip && begun=some
  echo "$name, $how: exit code $code, $begun of the first answer, $(tr -d A <out.zip | wc -c) bytes of the second"
}
{
  fetch net-http reset "$tmp/root/usr/bin/ruby3.1" --disable-gems net-http.rb
  fetch open-uri reset "$tmp/root/usr/bin/ruby3.1" --disable-gems open-uri.rb
  fetch net-http end "$tmp/root/usr/bin/ruby3.1" --disable-gems net-http.rb
  fetch http-tiny end perl -I "$tmp/root/usr/share/perl/5.36.0" http-tiny.pl
} | tee seen
diff seen - <<'DONE'
net-http, reset: exit code 0, some of the first answer, 1000000 bytes of the second
open-uri, reset: exit code 0, some of the first answer, 1000000 bytes of the second
net-http, end: exit code 0, some of the first answer, 0 bytes of the second
http-tiny, end: exit code 0, some of the first answer, 1000000 bytes of the second
DONE
