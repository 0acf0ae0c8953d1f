"""Servers that take uploads, each with a client of its kind that is stopped half-way.

None of them is installed for the tests by `.ci/run`: a test is skipped where its program is not.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from harness.ports import free_port
from uploaders.node import node, require_package
from uploaders.programs import WITHIN_S, Upload, Uploader, stopping
from uploaders.relay import Command, installed, served, through_relay, unseen_through_relay


def _curl(*arguments: str | Path) -> Command:
    return ["curl", "-sSf", "--no-progress-meter", *arguments]


def _by_ftp(source: Path, target: Path, port: int, user: str = "ftp") -> Command:
    there = f"ftp://127.0.0.1:{port}/{target.name}"
    return _curl("--user", f"{user}:{user}", "--limit-rate", "500k", "-T", source, there)


@contextmanager
def proftpd(source: Path, target: Path, options: str = "") -> Iterator[Upload]:
    """Write to the final name."""
    program, port = installed("curl", "proftpd"), free_port()
    configuration = source.with_name("proftpd.conf")
    configuration.write_text(
        f"ServerType standalone\nDefaultAddress 127.0.0.1\nPort {port}\nUseIPv6 off\n"
        f"PidFile {source.parent}/pid\nScoreboardFile {source.parent}/scoreboard\n"
        "WtmpLog off\nTransferLog none\nSystemLog none\nRequireValidShell off\nUseFtpUsers off\n"
        "User root\nGroup root\n"
        f"<Anonymous {target.parent}>\nUser root\nGroup root\nUserAlias ftp root\nRootLogin on\n"
        f"AnonRequirePassword off\n{options}\n</Anonymous>\n"
    )
    command = [program, "--nodaemon", "--config", configuration]
    with (
        served(command, port),
        stopping(_by_ftp(source, target, port), target.parent) as upload,
    ):
        yield upload


@contextmanager
def proftpd_hidden(source: Path, target: Path) -> Iterator[Upload]:
    """Write to `.in.NAME.`, with HiddenStores."""
    with proftpd(source, target, "HiddenStores on") as upload:
        yield upload


@contextmanager
def pure_ftpd(source: Path, target: Path, *options: str) -> Iterator[Upload]:
    """Write to the final name."""
    program, port = installed("curl", "pure-pw", "pure-ftpd"), free_port()
    users = source.with_name("users.pdb")
    target.parent.chmod(0o777)
    added = ["-u", "65534", "-g", "65534", "-d", target.parent]
    subprocess.run(
        ["pure-pw", "useradd", "site", "-f", source.with_name("users"), "-m", "-F", users, *added],
        input="site\nsite\n",
        text=True,
        check=True,
        capture_output=True,
        timeout=WITHIN_S,
    )
    pid = source.with_name("pid")
    flags = ["-A", "-H", "-u1", "-S", f"127.0.0.1,{port}", "-l", f"puredb:{users}", "-g", pid]
    # It writes in large pieces, so the file is empty for long.
    client = _by_ftp(source, target, port, "site")
    with (
        served([program, *flags, *options], port),
        stopping(client, target.parent, least_bytes=0) as upload,
    ):
        yield upload


@contextmanager
def pure_ftpd_hidden(source: Path, target: Path) -> Iterator[Upload]:
    """Write to `.pureftpd-upload.…`, with -0."""
    with pure_ftpd(source, target, "-0") as upload:
        yield upload


def _put(source: Path, target: Path) -> Callable[[int], Command]:
    return lambda port: _curl("-T", source, f"http://127.0.0.1:{port}/{target.name}")


def _form(source: Path, target: Path) -> Callable[[int], Command]:
    field = f"file=@{source};filename={target.name}"
    return lambda port: _curl("-F", field, f"http://127.0.0.1:{port}/")


def _wsgidav(album: Path) -> Callable[[int], Command]:
    program = installed("wsgidav")
    options = ("--host", "127.0.0.1", "--auth", "anonymous", "--server", "cheroot", "-q")
    return lambda port: [program, *options, "--root", album, "--port", f"{port}"]


def wsgidav(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    installed("curl")
    return through_relay(_wsgidav(target.parent), _put(source, target), source, target.parent)


def apache_dav(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to `.davfs.tmpXXXXXX`."""
    program = installed("curl", "unshare", "apache2")
    if os.geteuid():
        pytest.skip("Apache's user reaches the album through a mount, which takes root")
    work, album = source.parent, target.parent
    for each in (work, album):
        each.chmod(0o777)
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "dav", "dav_fs")
    )

    def server(port: int) -> Command:
        (work / "apache2.conf").write_text(
            f"{modules}Listen 127.0.0.1:{port}\nServerName localhost\nPidFile {work}/pid\n"
            f"DefaultRuntimeDir {work}\nMutex posixsem\nErrorLog {work}/error.log\n"
            "User nobody\nGroup nogroup\nDavLockDB /srv/locks\nDocumentRoot /mnt\n"
            "<Directory /mnt>\nDav On\n</Directory>\n"
        )
        script = (
            f"mount --bind {album} /mnt && mount --bind {work} /srv && "
            f"exec {program} -D FOREGROUND -f {work}/apache2.conf"
        )
        return ["unshare", "--mount", "sh", "-c", script]

    return through_relay(server, _put(source, target), source, album)


def rclone_serve(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name, in steps of a megabyte."""
    program = installed("curl", "rclone")

    def server(port: int) -> Command:
        return [program, "serve", "webdav", "--config=", f"--addr=127.0.0.1:{port}", target.parent]

    return through_relay(server, _put(source, target), source, target.parent)


@contextmanager
def davfs2(source: Path, target: Path) -> Iterator[Upload]:
    """Mount a WebDAV server, and copy a file to it as people do."""
    program = installed("umount", "mount.davfs")
    if os.geteuid() or not Path("/dev/fuse").exists():
        pytest.skip("davfs2 needs root and /dev/fuse")
    mounted, options = source.parent / "mounted", source.with_name("davfs2.conf")
    mounted.mkdir()
    options.write_text("use_locks 0\nask_auth 0\ndelay_upload 0\n")

    def client(port: int) -> Command:
        script = (
            f"{program} -o conf={options} http://127.0.0.1:{port}/ {mounted}"
            f" && cp {source} {mounted}/{target.name} && umount {mounted}"
        )
        return ["sh", "-c", script]

    try:
        with through_relay(_wsgidav(target.parent), client, source, target.parent) as upload:
            yield upload
    finally:
        for each in Path("/run/mount.davfs").glob(f"*{source.parent.name}-mounted.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(each.read_text()), signal.SIGKILL)
        subprocess.run(["umount", "-l", mounted], check=False, capture_output=True)


def copyparty(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Have an empty file, and beside it one that ends in `.PARTIAL`."""
    program, client = installed("copyparty"), installed("u2c")
    named = source.with_name(target.name)
    source.rename(named)

    def server(port: int) -> Command:
        volume, kept = f"{target.parent}::rw", source.parent / "copyparty"
        return [
            *("env", f"HOME={source.parent}", program, "-q", "-i", "127.0.0.1", "-p", f"{port}"),
            *("-v", volume, "--hist", kept),
        ]

    def upload(port: int) -> Command:
        return [client, "-j", "1", f"http://127.0.0.1:{port}/", named]

    return through_relay(server, upload, named, target.parent)


def _node(script: str, album: Path) -> Callable[[int], Command]:
    installed("curl")
    path = Path(__file__).with_name(script)
    for package in re.findall(r'require\("([^"]+)"\)', path.read_text()):
        require_package(package)
    return lambda port: [*node(script), album, f"{port}"]


def tus(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to `<32 hex>` beside `<32 hex>.json`, until the site gives the file its name."""

    def client(port: int) -> Command:
        fields = (
            "Tus-Resumable: 1.0.0",
            f"Upload-Length: {source.stat().st_size}",
            "Content-Type: application/offset+octet-stream",
        )
        given = (f"-H{field}" for field in fields)
        return _curl(*given, "--data-binary", f"@{source}", f"http://127.0.0.1:{port}/files")

    def name_it() -> None:
        (about,) = target.parent.glob("*.json")
        about.with_suffix("").rename(target)
        about.unlink()

    return through_relay(
        _node("tus_server.js", target.parent), client, source, target.parent, name_it
    )


def multer(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    server = _node("multer_server.js", target.parent)
    return through_relay(server, _form(source, target), source, target.parent)


def uploadserver(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to a temporary name of Python, `tmp` and eight letters."""
    program = installed("curl", "uploadserver")

    def server(port: int) -> Command:
        place = ("--bind", "127.0.0.1", "--directory", target.parent)
        return ["env", "PYTHONWARNINGS=ignore", program, *place, f"{port}"]

    def client(port: int) -> Command:
        there = f"http://127.0.0.1:{port}/upload"
        return _curl("-F", f"files=@{source};filename={target.name}", there)

    return through_relay(server, client, source, target.parent)


def _npm_server(package: str, album: Path) -> Callable[[int], Command]:
    installed("curl")
    command = node("npm_servers.js", package)
    return lambda port: [*command, album, f"{port}"]


def busboy(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    server = _npm_server("busboy", target.parent)
    return through_relay(server, _form(source, target), source, target.parent)


def formidable(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to a name of 25 letters and digits, which it removes when the client leaves."""
    server = _npm_server("formidable", target.parent)
    return through_relay(server, _form(source, target), source, target.parent)


def webdav_server(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    server = _npm_server("webdav-server", target.parent)
    return through_relay(server, _put(source, target), source, target.parent)


def lighttpd_dav(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to a file without a name (O_TMPFILE)."""
    program, work = installed("curl", "lighttpd"), source.parent
    if not Path("/usr/lib/lighttpd/mod_webdav.so").exists():
        pytest.skip("lighttpd has no mod_webdav")

    def server(port: int) -> Command:
        configuration = work / "lighttpd.conf"
        configuration.write_text(
            'server.modules = ("mod_webdav")\nserver.bind = "127.0.0.1"\n'
            f'server.port = {port}\nserver.document-root = "{target.parent}"\n'
            f'server.upload-dirs = ("{work}")\nserver.errorlog = "{work}/error.log"\n'
            'webdav.activate = "enable"\n'
        )
        return [program, "-D", "-f", configuration]

    return unseen_through_relay(server, _put(source, target), source)


def nginx_dav(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Keep the content elsewhere, and give it its name when it is whole."""
    program, work = installed("curl", "nginx"), source.parent

    def server(port: int) -> Command:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {work}/{kind};\n" for kind in kinds)
        configuration = work / "nginx.conf"
        user = "user root;\n" if os.geteuid() == 0 else ""
        configuration.write_text(
            f"{user}daemon off;\npid {work}/pid;\nerror_log {work}/error.log;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}client_max_body_size 0;\n"
            f"server {{\nlisten 127.0.0.1:{port};\nroot {target.parent};\n"
            "location / { dav_methods PUT; }\n}\n}\n"
        )
        return [program, "-c", configuration, "-p", work]

    return unseen_through_relay(server, _put(source, target), source)


UNSEEN: Sequence[Uploader] = (lighttpd_dav, nginx_dav)
"""Nothing is in the album before it is whole."""
SERVERS: Sequence[Uploader] = (
    proftpd,
    proftpd_hidden,
    pure_ftpd,
    pure_ftpd_hidden,
    wsgidav,
    apache_dav,
    rclone_serve,
    davfs2,
    copyparty,
    tus,
    multer,
    busboy,
    webdav_server,
)
OF_NO_KNOWN_NAME: Sequence[Uploader] = (formidable, uploadserver)
"""If these servers are killed, their parts look like any other file."""
