"""Servers of uploads by FTP, form and tus, each with a client that is stopped half-way.

None of them is installed for the tests by `.ci/run`: a test is skipped where its program is not.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from harness.ports import free_port
from uploaders.node import node, require_package
from uploaders.programs import WITHIN_S, Upload, Uploader, stopping
from uploaders.relay import Command, by_curl, installed, served, through_relay
from uploaders.webdav import (
    apache_dav,
    davfs2,
    lighttpd_dav,
    nginx_dav,
    putting,
    rclone_serve,
    wsgidav,
)


def _by_ftp(source: Path, target: Path, port: int, user: str = "ftp") -> Command:
    there = f"ftp://127.0.0.1:{port}/{target.name}"
    return by_curl("--user", f"{user}:{user}", "--limit-rate", "500k", "-T", source, there)


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


def _form(source: Path, target: Path) -> Callable[[int], Command]:
    field = f"file=@{source};filename={target.name}"
    return lambda port: by_curl("-F", field, f"http://127.0.0.1:{port}/")


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
        return by_curl(*given, "--data-binary", f"@{source}", f"http://127.0.0.1:{port}/files")

    return _to_tus(client, source, target)


def tus_js_client(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the same names in several requests, between which the file is closed."""
    command = node("tus_client.js", "tus-js-client")
    return _to_tus(
        lambda port: [*command, source, f"http://127.0.0.1:{port}/files"], source, target
    )


def _to_tus(
    client: Callable[[int], Command], source: Path, target: Path
) -> AbstractContextManager[Upload]:
    before = set(target.parent.iterdir())

    def name_it() -> None:
        (about,) = set(target.parent.glob("*.json")) - before
        about.with_suffix("").rename(target)
        about.unlink()

    server = _node("tus_server.js", target.parent)
    return through_relay(server, client, source, target.parent, name_it)


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
        return by_curl("-F", f"files=@{source};filename={target.name}", there)

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
    return through_relay(server, putting(source, target), source, target.parent)


def rclone_serve_s3(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to `.rclone_temp_put_…`, from the client of AWS."""
    client, program = installed("aws"), installed("rclone")
    photos_dir, album = target.parent.parent, target.parent.name

    def server(port: int) -> Command:
        return [program, "serve", "s3", "--config=", f"--addr=127.0.0.1:{port}", photos_dir]

    def upload(port: int) -> Command:
        endpoint = ("--endpoint-url", f"http://127.0.0.1:{port}", "--no-sign-request")
        return [client, *endpoint, "s3", "cp", "--quiet", source, f"s3://{album}/{target.name}"]

    return through_relay(server, upload, source, target.parent)


def hfs(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to `hfs$upload-NAME`, which stays for a day if the client leaves."""
    program = installed("curl", "hfs")
    kept = source.parent / "hfs"
    kept.mkdir()

    def server(port: int) -> Command:
        album = {"name": "album", "source": f"{target.parent}", "can_upload": True}
        settings = {"port": port, "listen_interface": "127.0.0.1", "vfs": {"children": [album]}}
        kept.joinpath("config.yaml").write_text(json.dumps(settings))  # JSON is YAML
        return [program, "--cwd", kept]

    def client(port: int) -> Command:
        return by_curl("-T", source, f"http://127.0.0.1:{port}/album/{target.name}")

    return through_relay(server, client, source, target.parent)


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
    rclone_serve_s3,
    davfs2,
    copyparty,
    tus,
    tus_js_client,
    multer,
    busboy,
    webdav_server,
    hfs,
)
OF_NO_KNOWN_NAME: Sequence[Uploader] = (formidable, uploadserver)
"""If these servers are killed, their parts look like any other file."""
