"""Programs that upload, each stopped on its way by a signal.

Each is a context that begins to put `source` at `target`, both on this machine, and yields it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
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
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def go_on(self) -> None:
        self.resume()
        assert self._process.wait(WITHIN_S) == 0

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        self._process.wait(WITHIN_S)

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it has come to its end
            os.killpg(self._process.pid, number)


@contextmanager
def stopping(
    command: Sequence[str | Path], album: Path, *, least_bytes: int = 1
) -> Iterator[Stopped]:
    """Run a program until the block ends, and stop it when an album has a file of its."""
    before = set(album.iterdir())

    def has_begun() -> bool:
        return any(_size(path) >= least_bytes for path in set(album.iterdir()) - before)

    upload = Stopped(command)
    try:
        eventually(lambda: has_begun() or upload.has_failed(), within_s=WITHIN_S)
        assert not upload.has_failed()
        upload.pause()
        yield upload
    finally:
        upload.kill()


def _size(path: Path) -> int:
    """Return the size of a file, -1 where it has gone meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


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


def scp(source: Path, target: Path, *flags: str | Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    need("scp")
    if not _SFTP_SERVER.exists():
        go_without("sftp-server is not installed")
    there = flags or ("-D", _SFTP_SERVER)
    return stopping(["scp", "-q", "-l", "4000", *there, source, f"host:{target}"], target.parent)


def scp_of_old(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name, by the protocol that scp had before SFTP."""
    connection = source.with_name("connection")
    connection.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    connection.chmod(0o755)
    return scp(source, target, "-O", "-S", connection)


UPLOADERS: Sequence[Uploader] = (
    rsync,
    rsync_in_place,
    rclone,
    sftp,
    scp,
    scp_of_old,
    samba,
)
