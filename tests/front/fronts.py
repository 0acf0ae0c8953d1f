"""Front web servers, run for real with the files of deploy/ that an operator copies.

Each file is used as it is, but for addresses, ports and paths: what is replaced has to be there.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.conditions import eventually
from harness.ports import free_port, is_listened_on
from harness.readers import need, succeed
from harness.server import REPOSITORY, environment

HOST = "example.org"
"""The name of the site in the files."""
STOP_TIMEOUT_S = 120.0
_DEPLOY = REPOSITORY / "deploy"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a front web server of a test listens, and what it stands in front of."""

    directory: Path
    port: int
    service_port: int
    site_port: int | None
    certificate: Path
    key: Path
    other_service_ports: Sequence[int] = ()

    @property
    def root(self) -> Path:
        """The directory of the site's own files."""
        return self.directory / "root"

    def written(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text)
        return path


def _snippet(name: str, replacements: Mapping[str, object]) -> str:
    text = (_DEPLOY / name).read_text()
    for old, new in replacements.items():
        assert old in text, f"deploy/{name} has no {old!r}"
        text = text.replace(old, str(new))
    return text


def _nginx(place: Place) -> list[str]:
    others = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in place.other_service_ports)
    cms = place.site_port
    snippet = _snippet(
        "nginx.conf",
        {
            **({"#server 127.0.0.1:8081 max_fails=0;": others} if others else {}),
            "listen 443 ": f"listen 127.0.0.1:{place.port} ",
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
        f"http {{\naccess_log {place.directory}/access.log;\n{temporary}"
        f"include {place.written('site.conf', snippet)};\n}}\n"
    )
    return ["nginx", "-c", str(place.written("nginx.conf", main)), "-p", str(place.directory)]


_APACHE_MODULES = (
    *("mpm_event", "authz_core", "env", "headers", "http2", "proxy", "proxy_http"),
    *("setenvif", "socache_shmcb", "ssl"),
)


def _apache(place: Place) -> list[str]:
    snippet = _snippet(
        "apache.conf",
        {
            "*:443": f"127.0.0.1:{place.port}",
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
        f"{modules}Listen 127.0.0.1:{place.port}\nServerName {HOST}\n"
        f"PidFile {place.directory}/pid\nDefaultRuntimeDir {place.directory}\nMutex posixsem\n"
        f"ErrorLog {place.directory}/error.log\nLogLevel info\n"
        "<IfModule unixd_module>\nUser www-data\nGroup www-data\n</IfModule>\n"
        f"Include {place.written('site.conf', snippet)}\n"
    )
    return ["apache2", "-f", str(place.written("apache2.conf", main)), "-D", "FOREGROUND"]


def _caddy(place: Place) -> list[str]:
    snippet = _snippet(
        "Caddyfile",
        {
            "{\n\t# An address": "{\n\tadmin off\n\tauto_https disable_redirects\n\t# An address",
            "example.org {": f"https://{HOST}:{place.port} {{\n\tbind 127.0.0.1\n"
            f"\ttls {place.certificate} {place.key}",
            "127.0.0.1:8080": f"127.0.0.1:{place.service_port}",
            "/var/www/html": place.root,
        },
    )
    path = place.written("Caddyfile", snippet)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(path)]


def _haproxy(place: Place) -> list[str]:
    both = place.written("both.pem", place.certificate.read_text() + place.key.read_text())
    snippet = _snippet(
        "haproxy.cfg",
        {
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
    return ["haproxy", "-db", "-f", str(place.written("haproxy.cfg", logging))]


COMMANDS: Mapping[str, Callable[[Place], list[str]]] = {
    "nginx": _nginx,
    "apache": _apache,
    "caddy": _caddy,
    "haproxy": _haproxy,
}


class Front:
    """A front web server that runs, on a port of 127.0.0.1 with TLS."""

    def __init__(self, place: Place, command: Sequence[str]) -> None:
        self.place = place
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self.place.port

    @property
    def certificate(self) -> Path:
        return self.place.certificate

    def start(self) -> None:
        with (self.place.directory / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.place.directory,
                env=environment({"HOME": str(self.place.directory)}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        eventually(self._listens, within_s=STOP_TIMEOUT_S)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.logs()
        return is_listened_on(self.port)

    def kill(self) -> None:
        """End all its processes at once, downloads or not."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_TIMEOUT_S)
            eventually(lambda: not self.processes(), within_s=STOP_TIMEOUT_S)
            self._process = None

    def processes(self) -> list[Path]:
        """Return the directories in /proc of its processes, which are one session."""
        assert self._process is not None
        return [
            path for path in Path("/proc").glob("[0-9]*") if _session(path) == self._process.pid
        ]

    def written_bytes(self) -> int:
        """Return how much its processes have written to files, temporary ones included."""
        return sum(_number(path / "io", "write_bytes:") for path in self.processes())

    def peak_memory_bytes(self) -> int:
        return sum(_number(path / "status", "VmHWM:") * 1024 for path in self.processes())

    def logs(self) -> str:
        logs = self.place.directory.glob("*.log")
        return "\n".join(log.read_text(errors="replace") for log in logs)


def _session(process: Path) -> int | None:
    try:
        state, _, _, session = (process / "stat").read_text().rpartition(")")[2].split()[:4]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(session)


def _number(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise AssertionError(f"no {name} in {path}")


@contextmanager
def running(
    name: str,
    directory: Path,
    *,
    service_port: int,
    site_port: int | None = None,
    other_service_ports: Sequence[int] = (),
) -> Iterator[Front]:
    """Run a front web server, with a certificate of its own, until the block ends."""
    need("openssl")
    command = COMMANDS[name]
    directory.chmod(0o755)
    certificate, key = make_certificate(directory)
    place = Place(
        directory=directory,
        port=free_port(),
        service_port=service_port,
        site_port=site_port,
        certificate=certificate,
        key=key,
        other_service_ports=other_service_ports,
    )
    place.root.mkdir()
    program, *arguments = command(place)
    front = Front(place, [path_of(program), *arguments])
    try:
        front.start()
        yield front
    finally:
        front.kill()


def path_of(program: str) -> str:
    """Find a server where those of the system are, or skip the test."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        need(program)
    return str(path)


def make_certificate(directory: Path) -> tuple[Path, Path]:
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    succeed(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={HOST}"),
            *("-addext", f"subjectAltName=DNS:{HOST}", "-days", "2"),
            *("-keyout", str(key), "-out", str(certificate)),
        ]
    )
    return certificate, key
