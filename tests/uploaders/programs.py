"""Programs that upload, each stopped on its way by a signal, or by the server that it loads from.

Each is a context that begins to put `source` at `target`, both on this machine, and yields it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import pytest
from harness.conditions import eventually
from harness.ports import free_port, is_listened_on
from harness.readers import go_without, need
from harness.server import environment

WITHIN_S = 120.0
_SFTP_SERVER = Path("/usr/lib/openssh/sftp-server")


class Upload(Protocol):
    """An upload that pauses."""

    def go_on(self) -> None:
        """Let it continue, and wait for its end."""

    def kill(self) -> None:
        """Kill it, and wait for its end."""


Uploader = Callable[[Path, Path], AbstractContextManager[Upload]]


class Stopped:
    """A program and its children, which a signal stops and lets go on."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        self._process = subprocess.Popen(
            command,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def has_failed(self) -> bool:
        return bool(self._process.poll())

    def pause(self) -> None:
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(self._process.pid, signal.SIGCONT)
        assert self._process.wait(WITHIN_S) == 0

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(WITHIN_S)


@contextmanager
def stopping(
    command: Sequence[str | Path], album: Path, *, least_bytes: int = 1
) -> Iterator[Stopped]:
    """Run a program until the block ends, and stop it when an album has a file of its."""
    before = set(album.iterdir())

    def has_begun() -> bool:
        return any(path.stat().st_size >= least_bytes for path in set(album.iterdir()) - before)

    upload = Stopped(command)
    try:
        eventually(lambda: has_begun() or upload.has_failed(), within_s=WITHIN_S)
        assert not upload.has_failed()
        upload.pause()
        yield upload
    finally:
        upload.kill()


def rsync(source: Path, target: Path, *flags: str) -> AbstractContextManager[Upload]:
    """Write to a temporary name."""
    need("rsync")
    return stopping(["rsync", "--bwlimit=500", *flags, source, target], target.parent)


def rsync_in_place(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    return rsync(source, target, "--inplace")


def rclone(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to a temporary name that ends in `.partial`."""
    need("rclone")
    command = ["rclone", "copyto", "--bwlimit=500k", "--config=", source, target]
    return stopping(command, target.parent)


def sftp(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    need("sftp")
    if not _SFTP_SERVER.exists():
        go_without("sftp-server is not installed")
    batch = source.with_name("batch")
    batch.write_text(f"put {source} {target}\n")
    command = ["sftp", "-q", "-l", "4000", "-D", _SFTP_SERVER, "-b", batch]
    return stopping(command, target.parent)


@contextmanager
def samba(source: Path, target: Path) -> Iterator[Upload]:
    """Have an empty file until the first of the client's large writes has come whole."""
    if not (shutil.which("smbd") and shutil.which("smbclient")):
        pytest.skip("Samba is not installed; it is too large to be for one test")
    if os.geteuid():
        pytest.skip("smbd needs root")
    port, work_dir = free_port(), source.parent / "samba"
    work_dir.mkdir()
    with _smbd(target.parent, work_dir, port):
        command = ["smbclient", "//127.0.0.1/album", "-N", "-p", f"{port}"]
        command += ["-s", str(work_dir / "smb.conf"), "-c", f"put {source} {target.name}"]
        with stopping(command, target.parent, least_bytes=0) as upload:
            yield upload


@contextmanager
def _smbd(album: Path, work_dir: Path, port: int) -> Iterator[None]:
    directories = ("lock", "state", "cache", "private", "pid", "ncalrpc")
    options = [f"{name} {'dir' if name == 'private' else 'directory'}" for name in directories]
    configuration = work_dir / "smb.conf"
    configuration.write_text(
        "[global]\n"
        f"smb ports = {port}\n"
        "interfaces = 127.0.0.1\nbind interfaces only = yes\n"
        "map to guest = bad user\nguest account = root\nserver role = standalone\n"
        "disable netbios = yes\nload printers = no\nprinting = bsd\nlogging = file\n"
        + "".join(f"{option} = {work_dir}\n" for option in options)
        + f"[album]\npath = {album}\nguest ok = yes\nguest only = yes\nread only = no\n"
    )
    command = ["smbd", "--foreground", "--no-process-group", f"--configfile={configuration}"]
    server = subprocess.Popen(
        [*command, f"--log-basename={work_dir}"], start_new_session=True, stdin=subprocess.DEVNULL
    )
    try:
        eventually(lambda: is_listened_on(port) or server.poll() is not None, within_s=WITHIN_S)
        if server.poll() is not None:
            pytest.skip("smbd does not start here")
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait(WITHIN_S)


class _Loading:
    """A program that loads a file from a server of this process, which pauses half-way."""

    def __init__(self, program: Stopped, more: threading.Event) -> None:
        self._program = program
        self._more = more

    def go_on(self) -> None:
        self._more.set()
        self._program.go_on()

    def kill(self) -> None:
        self._program.kill()


@contextmanager
def _loading(
    command: Callable[[str, Path], Sequence[str | Path]], source: Path, target: Path
) -> Iterator[Upload]:
    more, has_begun = threading.Event(), threading.Event()
    handler = partial(_HalfWay, source.read_bytes(), more, has_begun)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    program = Stopped(command(f"http://127.0.0.1:{server.server_port}/1.jpg", target))
    try:
        assert has_begun.wait(WITHIN_S)
        eventually(lambda: len(list(target.parent.iterdir())) > 1, within_s=WITHIN_S)
        yield _Loading(program, more)
    finally:
        program.kill()
        more.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _HalfWay(BaseHTTPRequestHandler):
    def __init__(
        self, data: bytes, more: threading.Event, has_begun: threading.Event, *request: object
    ) -> None:
        self._data, self._more, self._has_begun = data, more, has_begun
        super().__init__(*request)  # type: ignore[arg-type] # what the server gives

    def do_GET(self) -> None:
        half = len(self._data) // 2
        self.send_response(200)
        self.send_header("Content-Length", f"{len(self._data)}")
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(self._data[:half])
            self.wfile.flush()
            self._has_begun.set()
            self._more.wait(WITHIN_S)
            self.wfile.write(self._data[half:])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def aria2c(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Have the whole size at once, and a file with what is there of it beside it."""
    need("aria2c")

    def command(url: str, target: Path) -> Sequence[str | Path]:
        place = [f"--dir={target.parent}", f"--out={target.name}"]
        return ["aria2c", "--no-conf", "--quiet", "--split=1", *place, url]

    return _loading(command, source, target)


def wget(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    need("wget")
    return _loading(lambda url, target: ["wget", "-q", "-O", target, url], source, target)


def curl(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    need("curl")
    return _loading(lambda url, target: ["curl", "-sS", "-o", target, url], source, target)


UPLOADERS: Sequence[Uploader] = (
    rsync,
    rsync_in_place,
    rclone,
    sftp,
    samba,
    aria2c,
    wget,
    curl,
)
