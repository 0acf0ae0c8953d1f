"""The commands of Varnish, lighttpd, Squid and Envoy, with their files of deploy/."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from front.place import Place, snippet_of
from harness.ports import free_port


def _both(place: Place) -> Path:
    return place.written("both.pem", place.certificate.read_text() + place.key.read_text())


def lighttpd(place: Place) -> list[str]:
    path = place.written(
        "lighttpd.conf",
        snippet_of(
            "lighttpd.conf",
            {
                "server.port = 443": f'server.bind = "127.0.0.1"\nserver.port = {place.port}',
                '":80"': f'"127.0.0.1:{place.http_port}"',
                '"port" => 8080': f'"port" => {place.service_port}',
                "/etc/ssl/certs/example.org.pem": place.certificate,
                "/etc/ssl/private/example.org.key": place.key,
                "/var/www/html": place.root,
                "/var/log/lighttpd": place.directory,
                "/run/lighttpd": "/dev/shm",
            },
        ),
    )
    return ["lighttpd", "-D", "-f", str(path)]


def squid(place: Place) -> list[str]:
    text = snippet_of(
        "squid.conf",
        {
            "https_port 443 ": f"https_port 127.0.0.1:{place.port} ",
            "http_port 80 ": f"http_port 127.0.0.1:{place.http_port} ",
            "parent 8080 ": f"parent {place.service_port} ",
            "parent 8000 ": f"parent {place.site_port or 9} ",
            "/etc/ssl/certs/example.org.pem": place.certificate,
            "/etc/ssl/private/example.org.key": place.key,
            "/var/log/squid": place.directory,
        },
    )
    own = (
        f"pid_filename {place.directory}/pid\ncoredump_dir {place.directory}\n"
        "shutdown_lifetime 0 seconds\npinger_enable off\nmemory_cache_shared off\n"
        "cache_effective_user nobody\n"
    )
    # The name is that of what it keeps in /dev/shm.
    path = place.written("squid.conf", own + text)
    return ["squid", "-N", "-n", f"front{place.port}", "-f", str(path)]


def envoy(place: Place) -> list[str]:
    text = snippet_of(
        "envoy.yaml",
        {
            "0.0.0.0, port_value: 443": f"127.0.0.1, port_value: {place.port}",
            "0.0.0.0, port_value: 80}": f"127.0.0.1, port_value: {place.http_port}}}",
            "port_value: 8080": f"port_value: {place.service_port}",
            "port_value: 8000": f"port_value: {place.site_port or 9}",
            "/etc/ssl/certs/example.org.pem": place.certificate,
            "/etc/ssl/private/example.org.key": place.key,
            "/var/log/envoy": place.directory,
        },
    )
    options = ("--concurrency", "1", "--disable-hot-restart")
    return ["envoy", "-c", str(place.written("envoy.yaml", text)), *options]


def varnish(place: Place) -> list[str]:
    """Hitch, Varnish and its log, with the parameters that the head of the file names."""
    between = free_port()
    text = snippet_of(
        "varnish.vcl",
        {
            '.port = "8080"': f'.port = "{place.service_port}"',
            '.port = "8000"': f'.port = "{place.site_port or 9}"',
        },
    )
    ends_tls = snippet_of(
        "hitch.conf",
        {
            "[*]:443": f"[127.0.0.1]:{place.port}",
            "[127.0.0.1]:8443": f"[127.0.0.1]:{between}",
            "/etc/hitch/example.org.pem": _both(place),
            'user = "_hitch"\ngroup = "_hitch"\n': "" if os.geteuid() else 'user = "nobody"\n',
        },
    )
    listen, query = re.findall(r"^#     (-.+)$", text, re.MULTILINE)
    listen = listen.replace("127.0.0.1:8443", f"127.0.0.1:{between}")
    vcl, hitch = place.written("site.vcl", text), place.written("hitch.conf", ends_tls)
    work, log = (shlex.quote(str(place.directory / name)) for name in ("varnish", "access.log"))
    plain = f"-a 127.0.0.1:{place.http_port}"
    script = f"""
        trap 'kill 0; wait' TERM
        varnishd -j none -F -n {work} -f {shlex.quote(str(vcl))} {plain} {listen} &
        until varnishadm -n {work} ping; do sleep 0.1; done
        varnishncsa -d -n {work} -w {log} {query} &
        hitch --config={shlex.quote(str(hitch))} &
        wait
    """
    return ["sh", "-c", script]
