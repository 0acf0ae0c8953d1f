#!/usr/bin/env bash
# Program: HAProxy 2.6.12 (Debian haproxy 2.6.12-1+deb12u4), seen 2026-11-29.
# Guess:   url_dec leaves a percent sign that starts no escape as it is.
# Seen:    the whole sample becomes empty: a rule on path,url_dec sees no path
#          at all for /100%.zip, while the server behind still gets it.
set -euo pipefail
tmp=$(mktemp -d); haproxy=
finish() { [ -z "$haproxy" ] || kill "$haproxy" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
apt-get download -q haproxy=2.6.12-1+deb12u4 liblua5.3-0=5.3.6-2 libopentracing-c-wrapper0=1.1.3-3+b1 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$(uname -m)-linux-gnu"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >proxy.cfg <<EOF
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend front
  bind 127.0.0.1:$port
  http-request return status 200 content-type text/plain lf-string "path [%[path]] decoded [%[path,url_dec]]\n"
EOF
root/usr/sbin/haproxy -f proxy.cfg & haproxy=$!
for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.2; done
for path in /a%20b.zip /100%.zip /a%20b%zz.zip; do curl -sS -m 10 "http://127.0.0.1:$port$path"; done | tee seen
diff seen - <<'EOF'
path [/a%20b.zip] decoded [/a b.zip]
path [/100%.zip] decoded []
path [/a%20b%zz.zip] decoded []
EOF
