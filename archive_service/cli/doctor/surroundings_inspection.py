"""What around the service keeps visitors out: mount, /tmp, ports, nginx's connections, SELinux."""

from __future__ import annotations

import http.client
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from archive_service.cli.doctor.findings import Finding, Severity
from archive_service.cli.sockets import NoSuchHost, NotListening, listening
from archive_service.config.settings import Settings
from archive_service.storage.local.filesystem_type import filesystem_of, is_changed_by_others

NGINX = Path("/etc/nginx")
SELINUX = Path("/sys/fs/selinux")
_MAY_CALL = "httpd_can_network_connect"
CONNECTIONS_PER_DOWNLOAD = 2
"""One to the visitor and one to the service."""
_DEFAULT_CONNECTIONS = 512
_DIRECTIVE = r"(?:^|[{{;])\s*{}\s+(\w+)\s*;"
_COMMENT = re.compile(r"#.*")
_ANSWER_TIMEOUT_S = 2.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # nosec B104 # noqa: S104 - compared, not bound
_CONFIGURATIONS = ("nginx.conf", "conf.d/*.conf", "sites-enabled/*")


def mount_findings(settings: Settings) -> Iterator[Finding]:
    """Advise on a mount that caches directories, so that a new album is a 404 for a while."""
    if isinstance(settings.photos_dir, Path) and is_changed_by_others(settings.photos_dir):
        yield Finding(
            Severity.ADVICE,
            "mount",
            f"{settings.photos_dir} lies on {filesystem_of(settings.photos_dir)}, which "
            "reports no changes: a new album is a 404 as long as the mount caches its "
            "directories. Make that short (--dir-cache-time of rclone, dcache_timeout of sshfs, "
            "lookupcache=positive of NFS)",
        )


def temporary_findings(settings: Settings) -> Iterator[Finding]:
    """Check that processes can share their metrics in a directory."""
    if settings.workers == 1:
        return
    found = None
    with suppress(FileNotFoundError):
        found = Path(tempfile.gettempdir())
    if found is None or found.samefile(Path.cwd()):
        yield Finding(
            Severity.WRONG if found is None else Severity.ADVICE,
            "temporary",
            "processes share their metrics in a directory for temporary files, and none can be "
            "written: permit /tmp to this user, or name another one in TMPDIR",
        )
    else:
        yield Finding(Severity.GOOD, "temporary", f"metrics are shared in {found}")


def port_findings(settings: Settings) -> Iterator[Finding]:
    """Check that the service can listen, or answers already."""
    yield _port(settings.host, settings.port, "--host and --port", asked_port=settings.monitor_port)
    if settings.monitor_port:
        flags = "--monitor-host and --monitor-port"
        yield _port(settings.monitor_host, settings.monitor_port, flags, asked_port=0)


def _port(host: str, port: int, flags: str, *, asked_port: int) -> Finding:
    where = f"{host}:{port}"
    try:
        for listener in listening(host, port, flags=flags):
            listener.close()
    except NoSuchHost as error:
        return Finding(Severity.WRONG, "port", f"{host} is {error}: choose another with {flags}")
    except NotListening as error:
        if _answers(host, asked_port or port):
            return Finding(Severity.GOOD, "port", f"{where}, where the service answers")
        return Finding(Severity.WRONG, "port", str(error))
    return Finding(Severity.GOOD, "port", f"{where} is free")


def _answers(host: str, port: int) -> bool:
    address = _ANY_ADDRESS.get(host, host)
    connection = http.client.HTTPConnection(address, port, timeout=_ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def front_findings(settings: Settings, nginx: Path = NGINX) -> Iterator[Finding]:
    """Check that an nginx in front has connections for as many downloads as the service."""
    paths = [path for pattern in _CONFIGURATIONS for path in sorted(nginx.glob(pattern))]
    texts = [_COMMENT.sub("", _text(path)) for path in paths]
    if not any("/archive/" in text for text in texts):
        return
    connections = _number(texts, "worker_connections", _DEFAULT_CONNECTIONS)
    processes = _number(texts, "worker_processes", 1, auto=os.cpu_count() or 1)
    downloads = connections * processes // CONNECTIONS_PER_DOWNLOAD
    if settings.max_downloads and downloads >= settings.max_downloads:
        text = f"nginx has connections for {downloads:,} downloads"
        yield Finding(Severity.GOOD, "front", text)
        return
    yield Finding(
        Severity.ADVICE,
        "front",
        f"nginx has connections for {downloads:,} downloads, then it refuses the whole site: raise "
        f"worker_connections (now {connections:,}) and worker_rlimit_nofile in "
        f"{nginx}/nginx.conf, or set MAX_DOWNLOADS to less than {downloads:,}",
    )


def selinux_findings(_settings: Settings, selinux: Path = SELINUX) -> Iterator[Finding]:
    """Advise on what an enforcing SELinux denies."""
    if is_selinux_in_force(selinux) and _text(selinux / "booleans" / _MAY_CALL).startswith("0"):
        yield Finding(
            Severity.ADVICE,
            "selinux",
            "a web server of this system may not call the service, so visitors get a 502: "
            f"setsebool -P {_MAY_CALL} on",
        )


def is_selinux_in_force(selinux: Path = SELINUX) -> bool:
    """Return whether SELinux is enforcing, and so may deny access to a file."""
    return _text(selinux / "enforce").strip() == "1"


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace")
    return ""


def _number(texts: list[str], directive: str, default: int, *, auto: int = 0) -> int:
    """Return the value of a directive; nginx takes it once."""
    pattern = re.compile(_DIRECTIVE.format(directive), re.MULTILINE)
    found = next(filter(None, (pattern.search(text) for text in texts)), None)
    if found is None:
        return default
    return int(found[1]) if found[1].isdigit() else auto
