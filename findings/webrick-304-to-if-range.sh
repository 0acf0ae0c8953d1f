#!/usr/bin/env bash
# Program: WEBrick 1.8.1 of Ruby 3.1 (Debian ruby-webrick 1.8.1-1,
#          ruby3.1 3.1.7+really3.1.2-0+deb12u1), seen 2026-11-30.
# Guess:   a range with the tag of the file in If-Range, which is how a browser goes
#          on with a download, gets 206.
# Seen:    304 Not Modified without a body, though nothing asked whether the file
#          was modified. With a tag of another version it gets 206 with a part of
#          the new file: just the wrong way round.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
apt-get download -q ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-webrick=1.8.1-1 libyaml-0-2 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
machine="$(uname -m)-linux-gnu"
export LD_LIBRARY_PATH="$tmp/root/usr/lib/$machine"
webrick=$(find root -name webrick.rb -path '*gems*')
export RUBYLIB="$tmp/${webrick%/webrick.rb}:$tmp/root/usr/lib/ruby/3.1.0:$tmp/root/usr/lib/$machine/ruby/3.1.0"

mkdir files
python3 -c 'open("files/album.zip", "wb").write(bytes(range(100)))'
cat >server.rb <<'RB'
require "webrick"
quiet = WEBrick::Log.new(File::NULL)
server = WEBrick::HTTPServer.new(Port: 0, BindAddress: "127.0.0.1", DocumentRoot: "files", AccessLog: [], Logger: quiet)
puts server.listeners[0].addr[1]
STDOUT.flush
server.start
RB
root/usr/bin/ruby3.1 --disable-gems server.rb >port & server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done
url="http://127.0.0.1:$(cat port)/album.zip"
ask() { curl -sS -m 20 -o body -w '%{http_code}, %{size_download} bytes' -H 'Range: bytes=90-' "$@" "$url"; }

tag=$(curl -sS -m 20 -I "$url" | tr -d '\r' | sed -n 's/^etag: //Ip')
{
  echo "no If-Range: $(ask)"
  echo "If-Range with the tag: $(ask -H "If-Range: $tag")"
  echo "If-Range with another tag: $(ask -H 'If-Range: "other"')"
} | tee seen
diff seen - <<'DONE'
no If-Range: 206, 10 bytes
If-Range with the tag: 304, 0 bytes
If-Range with another tag: 206, 10 bytes
DONE
