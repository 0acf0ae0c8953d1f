#!/usr/bin/env bash
# Program: static files of PyPI bottle 0.13.4 and baize 0.23.1 (waitress 3.0.2) and
#          WEBrick 1.8.1 of Ruby 3.1 (Debian ruby-webrick 1.8.1-1), seen 2026-11-30
#          with Python 3.11.
# Guess:   a browser sends the tag and the date that it knows. Where the tag differs,
#          the file is sent: RFC 9110 section 13.1.3 lets no server look at
#          If-Modified-Since beside If-None-Match.
# Seen:    304 for as long as the date is not newer: a file that was replaced by an
#          older one of another size (cp -p, unzip, rsync -t) stays what it was for
#          everyone who has seen it, though its tag is a new one.
set -euo pipefail
tmp=$(mktemp -d); server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"; }
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check bottle==0.13.4 baize==0.23.1 waitress==3.0.2 2>/dev/null
apt-get download -q ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-webrick=1.8.1-1 libyaml-0-2 >/dev/null 2>&1
for deb in *.deb; do dpkg -x "$deb" root; done
machine="$(uname -m)-linux-gnu"
webrick=$(find root -name webrick.rb -path '*gems*')
ruby() {
  LD_LIBRARY_PATH="$tmp/root/usr/lib/$machine" \
    RUBYLIB="$tmp/${webrick%/webrick.rb}:$tmp/root/usr/lib/ruby/3.1.0:$tmp/root/usr/lib/$machine/ruby/3.1.0" \
    exec root/usr/bin/ruby3.1 --disable-gems server.rb "$@"
}
python() { exec venv/bin/python server.py "$@"; }

cat >server.py <<'PY'
import sys

import waitress

name, port = sys.argv[1], int(sys.argv[2])
if name == "bottle":
    import bottle
    application = bottle.Bottle()
    application.route("/<file:path>", ["GET", "HEAD"], lambda file: bottle.static_file(file, "files"))
else:
    from baize.wsgi import Files
    application = Files("files")
waitress.serve(application, listen="127.0.0.1:%d" % port)
PY
cat >server.rb <<'RB'
require "webrick"
quiet = WEBrick::Log.new(File::NULL)
WEBrick::HTTPServer.new(Port: ARGV[1].to_i, BindAddress: "127.0.0.1", DocumentRoot: "files", AccessLog: [], Logger: quiet).start
RB

field() { curl -sS -m 20 -o /dev/null -D - "$url" | tr -d '\r' | sed -n "s/^$1: //Ip"; }
ask() {
  rm -rf files; mkdir files
  python3 -c 'open("files/album.zip", "wb").write(b"new" * 100)'; touch -d '2026-03-01 12:00' files/album.zip
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$1" "$2" "$port" >log 2>&1 & server=$!
  url="http://127.0.0.1:$port/album.zip"
  for _ in $(seq 100); do curl -s -m 5 -o /dev/null "$url" && break; sleep 0.2; done
  tag=$(field etag); date=$(field last-modified)
  python3 -c 'open("files/album.zip", "wb").write(b"old" * 200)'; touch -d '2026-02-01 12:00' files/album.zip
  [ "$(field etag)" != "$tag" ]
  echo "$2: the tag alone $(curl -sS -m 20 -o /dev/null -w '%{http_code}' -H "If-None-Match: $tag" "$url")," \
    "tag and date $(curl -sS -m 20 -o /dev/null -w '%{http_code}' -H "If-None-Match: $tag" -H "If-Modified-Since: $date" "$url")"
  kill "$server"; wait "$server" 2>/dev/null || true; server=
}
{ ask python bottle; ask python baize; ask ruby webrick; } | tee seen
diff seen - <<'DONE'
bottle: the tag alone 200, tag and date 304
baize: the tag alone 200, tag and date 304
webrick: the tag alone 200, tag and date 304
DONE
