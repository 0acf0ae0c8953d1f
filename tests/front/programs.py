"""The command of each front web server, with its file of deploy/ that an operator copies.

Each file is used as it is, except for addresses, ports and paths; each replaced text must exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from front.place import HOST, Place, snippet_of, with_cdn
from front.proxies import envoy, lighttpd, squid, varnish


def _nginx(place: Place, *, inherited: str = "") -> list[str]:
    others = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in place.other_service_ports)
    cms = place.site_port
    snippet = snippet_of(
        "nginx.conf",
        {
            **({"#server 127.0.0.1:8081 max_fails=0;": others} if others else {}),
            "listen 443 ": f"listen 127.0.0.1:{place.port} ",
            "listen 80;": f"listen 127.0.0.1:{place.http_port};",
            "/var/log/nginx/": f"{place.directory}/site-",
            "127.0.0.1:8080": f"127.0.0.1:{place.service_port}",
            "/etc/ssl/certs/example.org.pem": place.certificate,
            "/etc/ssl/private/example.org.key": place.key,
            **(
                {"root /var/www/html": f"proxy_pass http://127.0.0.1:{cms}"}
                if cms
                else {"/var/www/html": place.root}
            ),
        },
    )
    temporary = "".join(
        f"{kind}_temp_path {place.directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = (
        f"daemon off;\npid {place.directory}/pid;\nerror_log {place.directory}/error.log info;\n"
        "worker_processes 1;\nevents { worker_connections 512; }\n"
        f"http {{\naccess_log {place.directory}/access.log;\n{temporary}{inherited}"
        f"include {place.written('site.conf', with_cdn(snippet, place.cdn))};\n}}\n"
    )
    return ["nginx", "-c", str(place.written("nginx.conf", main)), "-p", str(place.directory)]


def _nginx_that_caches(place: Place) -> list[str]:
    """Everything that a site may have switched on for all its locations."""
    return _nginx(
        place,
        inherited=f"""
            proxy_cache_path {place.directory}/cache keys_zone=site:1m;
            proxy_cache site;
            proxy_cache_valid any 1h;
            proxy_ignore_headers Cache-Control X-Accel-Buffering;
            proxy_buffering on;
            proxy_buffers 4 4k;
            proxy_buffer_size 4k;
            proxy_busy_buffers_size 8k;
            proxy_temp_file_write_size 8k;
            client_max_body_size 64k;
            proxy_force_ranges on;
            proxy_intercept_errors on;
            proxy_set_header X-Forwarded-For $http_x_forwarded_for;
            error_page 403 404 416 /error.html;
            gzip on;
            gzip_types *;
            gzip_min_length 1;
            gzip_proxied any;
            ssi on;
            ssi_types *;
            expires 30d;
        """,
    )


_APACHE_MODULES = (
    *("mpm_event", "alias", "authz_core", "env", "headers", "http2", "proxy", "proxy_http"),
    *("remoteip", "socache_shmcb", "ssl"),
)


_DEBIANS_LOG_FORMAT = (
    r'LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined'
)


def _apache(place: Place) -> list[str]:
    snippet = snippet_of(
        "apache.conf",
        {
            "*:443": f"127.0.0.1:{place.port}",
            "*:80": f"127.0.0.1:{place.http_port}",
            "127.0.0.1:8080": f"127.0.0.1:{place.service_port}",
            "/etc/ssl/certs/example.org.pem": place.certificate,
            "/etc/ssl/private/example.org.key": place.key,
            "/var/www/html": place.root,
            "${APACHE_LOG_DIR}": place.directory,
        },
    )
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        for name in _APACHE_MODULES
    )
    main = (
        f"{modules}Listen 127.0.0.1:{place.port}\nListen 127.0.0.1:{place.http_port}\n"
        f"ServerName {HOST}\n"
        f"PidFile {place.directory}/pid\nDefaultRuntimeDir {place.directory}\nMutex posixsem\n"
        f"ErrorLog {place.directory}/error.log\nLogLevel info\n{_DEBIANS_LOG_FORMAT}\n"
        "<IfModule unixd_module>\nUser www-data\nGroup www-data\n</IfModule>\n"
        f"Include {place.written('site.conf', with_cdn(snippet, place.cdn))}\n"
    )
    return ["apache2", "-f", str(place.written("apache2.conf", main)), "-D", "FOREGROUND"]


def _caddy(place: Place, *, program: str = "caddy", name: str = "Caddyfile") -> list[str]:
    snippet = snippet_of(
        name,
        {
            "{\n\t# Caddy's": f"{{\n\tadmin off\n\thttp_port {place.http_port}\n\t# Caddy's",
            "example.org {": f"https://{HOST}:{place.port} {{\n\tbind 127.0.0.1\n"
            f"\ttls {place.certificate} {place.key}",
            "127.0.0.1:8080": f"127.0.0.1:{place.service_port}",
            "/var/www/html": place.root,
            "/var/log/caddy/": f"{place.directory}/",
        },
    )
    path = place.written("Caddyfile", with_cdn(snippet, place.cdn))
    return [program, "run", "--adapter", "caddyfile", "--config", str(path)]


def _caddy_of_debian(place: Place) -> list[str]:
    return _caddy(place, program="/usr/bin/caddy", name="Caddyfile.older")


def _haproxy(place: Place) -> list[str]:
    both = place.written("both.pem", place.certificate.read_text() + place.key.read_text())
    snippet = snippet_of(
        "haproxy.cfg",
        {
            "bind :80\n": f"bind 127.0.0.1:{place.http_port}\n",
            "bind :443 ": f"bind 127.0.0.1:{place.port} ",
            "127.0.0.1:8080": f"127.0.0.1:{place.service_port}",
            "127.0.0.1:8000": f"127.0.0.1:{place.site_port or 9}",
            "/etc/haproxy/certs/example.org.pem": both,
        },
    )
    # So that there is a log in which a hash could be.
    logging = snippet.replace(
        "    mode http\n", "    mode http\n    log stdout format raw daemon\n", 1
    )
    logging = logging.replace("    mode http\n", "    mode http\n    option httplog\n", 1)
    return ["haproxy", "-db", "-f", str(place.written("haproxy.cfg", with_cdn(logging, place.cdn)))]


COMMANDS: Mapping[str, Callable[[Place], list[str]]] = {
    "nginx": _nginx,
    "nginx that caches": _nginx_that_caches,
    "apache": _apache,
    "caddy": _caddy,
    "caddy of Debian": _caddy_of_debian,
    "haproxy": _haproxy,
    "varnish": varnish,
    "lighttpd": lighttpd,
    "squid": squid,
    "envoy": envoy,
}
_ENDS_AS_WHOLE = "a download that is cut would end as if it were whole"
WITHOUT_HTTP2 = {
    "varnish": "archives go through a pipe",
    "squid": "has none for visitors",
    "caddy of Debian": _ENDS_AS_WHOLE,
    "haproxy": _ENDS_AS_WHOLE,
    "lighttpd": _ENDS_AS_WHOLE,
}
"""Those that offer HTTP/1.1 alone, and why."""
PROGRAMS = {
    "nginx": ("nginx",),
    "nginx that caches": ("nginx",),
    "apache": ("apache2",),
    "caddy": ("caddy",),
    "caddy of Debian": ("/usr/bin/caddy",),
    "haproxy": ("haproxy",),
    "varnish": ("varnishd", "varnishncsa", "hitch"),
    "lighttpd": ("lighttpd",),
    "squid": ("squid",),
    "envoy": ("envoy",),
}


def versions_of(name: str) -> tuple[str, ...]:
    """Return the options of curl for the versions of HTTP that a front web server offers."""
    return ("--http1.1",) if name in WITHOUT_HTTP2 else ("--http2", "--http1.1")
