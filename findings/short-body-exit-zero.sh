#!/usr/bin/env bash
# Program: axel 2.17.11, puf 1.0.0, snarf 7.0, Tcl's http 2.9.8 and PHP's copy()
#          8.2.36 (Debian axel 2.17.11-3, puf 1.0.0-7+b2, snarf 7.0-9+b1, tcl8.6
#          8.6.13+dfsg-2, php8.2-cli 8.2.36-1~deb12u1), seen 2026-11-30.
# Guess:   when the server closes in the middle of a body with a Content-Length,
#          they fail, as aria2 and lftp do (both exit 1).
# Seen:    all five say that all is well and leave the half under its final name;
#          axel keeps no .st file beside it from which it could go on.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
apt-get download -q axel=2.17.11-3 puf=1.0.0-7+b2 snarf=7.0-9+b1 tcl8.6=8.6.13+dfsg-2 libtcl8.6=8.6.13+dfsg-2 \
  php8.2-cli=8.2.36-1~deb12u1 libsodium23 libargon2-1 libxml2 libicu72 libpcre2-8-0 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu:$tmp/root/lib/$(uname -m)-linux-gnu"
export TCL_LIBRARY="$tmp/root/usr/share/tcltk/tcl8.6" HOME="$tmp" no_proxy=127.0.0.1

cat >server.py <<'PY'
import http.server

class Half(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(bytes(500000))

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Half)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done
url="http://127.0.0.1:$(cat port)/out.bin"
cat >fetch.tcl <<'TCL'
package require http
set file [open out.bin w]
set token [http::geturl [lindex $argv 0] -channel $file -binary 1]
close $file
if {[http::status $token] ne "ok" || [http::error $token] ne ""} { exit 1 }
TCL

fetch() {
  name=$1; shift
  mkdir "$name"; cp fetch.tcl "$name"
  code=0; (cd "$name"; timeout 60 "$@" >log 2>&1) || code=$?
  echo "$name: exit code $code, $(cd "$name" && stat -c '%s bytes in %n' out.bin* | tr '\n' ' ')"
}
{
  fetch axel "$tmp/root/usr/bin/axel" -q -n 1 -o out.bin "$url"
  fetch puf "$tmp/root/usr/bin/puf" "$url"
  fetch snarf "$tmp/root/usr/bin/snarf" -q "$url" out.bin
  fetch tcl "$tmp/root/usr/bin/tclsh8.6" fetch.tcl "$url"
  fetch php "$tmp/root/usr/bin/php8.2" -n -r 'exit(copy($argv[1], "out.bin") ? 0 : 1);' "$url"
} | tee seen
diff seen - <<'DONE'
axel: exit code 0, 500000 bytes in out.bin 
puf: exit code 0, 500000 bytes in out.bin 
snarf: exit code 0, 500000 bytes in out.bin 
tcl: exit code 0, 500000 bytes in out.bin 
php: exit code 0, 500000 bytes in out.bin 
DONE
