#!/usr/bin/env bash
# Program: PyPI django-revproxy 0.13.0 and djproxy 2.3.6 (Django 4.2.30, waitress
#          3.0.2), seen 2026-11-30 with Python 3.11.
# Guess:   the path that the server behind the proxy is asked for is the one that the
#          client asked for, or another spelling of it.
# Seen:    django-revproxy asks for "my+album.zip" where the client asks for
#          "my%20album.zip", and a plus in a path is a plus: 404. djproxy turns a "%3F"
#          in a name into the "?" at which the query begins.
set -euo pipefail
tmp=$(mktemp -d); origin=; proxy=
finish() {
  for pid in $origin $proxy; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
  rm -rf "$tmp"
}
trap finish EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check django-revproxy==0.13.0 djproxy==2.3.6 django==4.2.30 waitress==3.0.2 setuptools==80.9.0 2>/dev/null
export no_proxy=127.0.0.1

cat >server.py <<'PY'
import http.server

class Asked(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 server.py >port 2>/dev/null & origin=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.2; done

cat >proxy.py <<'PY'
import sys

import django
from django.conf import settings
from django.urls import re_path

name, behind, port = sys.argv[1:]
settings.configure(SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[], INSTALLED_APPS=["revproxy"])
django.setup()
if name == "django-revproxy":
    from revproxy.views import ProxyView
    urlpatterns = [re_path("^(?P<path>.*)$", ProxyView.as_view(upstream=behind))]
else:
    from djproxy.views import HttpProxy
    urlpatterns = [re_path("^(?P<url>.*)$", type("Proxy", (HttpProxy,), {"base_url": behind}).as_view())]

import waitress
from django.core.wsgi import get_wsgi_application

waitress.serve(get_wsgi_application(), listen="127.0.0.1:" + port)
PY
for name in django-revproxy djproxy; do
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  venv/bin/python proxy.py $name "http://127.0.0.1:$(cat port)/" "$port" >log 2>&1 & proxy=$!
  for _ in $(seq 100); do curl -s -m 5 -o /dev/null "http://127.0.0.1:$port/ready" && break; sleep 0.2; done
  for path in my%20album.zip 'who%3F.zip'; do
    echo "$name: /$path becomes $(curl -sS -m 20 "http://127.0.0.1:$port/$path")" >>seen
  done
  kill "$proxy"; wait "$proxy" 2>/dev/null || true; proxy=
done
cat seen
diff seen - <<'DONE'
django-revproxy: /my%20album.zip becomes /my+album.zip
django-revproxy: /who%3F.zip becomes /who%3F.zip
djproxy: /my%20album.zip becomes /my%20album.zip
djproxy: /who%3F.zip becomes /who?.zip
DONE
