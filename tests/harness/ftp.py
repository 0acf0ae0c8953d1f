"""FTP servers, as sites have them in front of their albums, and what their clients do."""

from __future__ import annotations

import ftplib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.conditions import eventually
from harness.ports import free_port, is_listened_on
from harness.readers import need
from harness.server import environment

TIMEOUT_S = 120.0
BLOCK_BYTES = 16 * 1024
PYFTPDLIB = Path(__file__).with_name("ftp_process.py")


@dataclass(frozen=True)
class FtpServer:
    """A running server; every login may do everything in the directory of albums."""

    port: int
    sets_dates_by: str
    """The command that sets a file's modification time; MDTM was meant only to read it."""

    @contextmanager
    def client(self, encoding: str = "utf-8") -> Iterator[ftplib.FTP]:
        """Log in for the length of a block."""
        client = ftplib.FTP(encoding=encoding, timeout=TIMEOUT_S)
        client.connect("127.0.0.1", self.port)
        try:
            client.login()
            yield client
        finally:
            client.close()

    def url(self, path: str) -> str:
        return f"ftp://127.0.0.1:{self.port}/{path}"


@contextmanager
def vsftpd(root: Path, work_dir: Path) -> Iterator[FtpServer]:
    """Run vsftpd until the block ends."""
    need("vsftpd")
    port = free_port()
    options = {
        "listen": "YES",
        "listen_address": "127.0.0.1",
        "listen_port": f"{port}",
        "background": "NO",
        "run_as_launching_user": "YES",
        "seccomp_sandbox": "NO",
        "anonymous_enable": "YES",
        "no_anon_password": "YES",
        "anon_root": str(root),
        "anon_umask": "022",
        "write_enable": "YES",
        "anon_upload_enable": "YES",
        "anon_mkdir_write_enable": "YES",
        "anon_other_write_enable": "YES",
        "allow_writeable_chroot": "YES",
        "mdtm_write": "YES",
        "xferlog_enable": "NO",
    }
    configuration = work_dir / "vsftpd.conf"
    configuration.write_text("".join(f"{name}={value}\n" for name, value in options.items()))
    with _running(["vsftpd", str(configuration)], port):
        yield FtpServer(port, "MDTM")


@contextmanager
def pyftpdlib(root: Path, _work_dir: Path) -> Iterator[FtpServer]:
    """Run pyftpdlib until the block ends."""
    port = free_port()
    with _running([sys.executable, "-W", "ignore", str(PYFTPDLIB), str(root), f"{port}"], port):
        yield FtpServer(port, "MFMT")


class SlowFile:
    """A file to upload: each block is asked for by `before_block`, which may wait.

    It is told how many bytes have been given out.
    """

    def __init__(self, data: bytes, before_block: Callable[[int], None]) -> None:
        self._data = data
        self._before_block = before_block
        self._position = 0

    def read(self, _size: int) -> bytes:
        self._before_block(self._position)
        block = self._data[self._position : self._position + BLOCK_BYTES]
        self._position += len(block)
        return block


def upload(
    client: ftplib.FTP,
    path: str,
    data: bytes,
    before_block: Callable[[int], None] = lambda _position: None,
    *,
    rest: int | None = None,
) -> None:
    """Store a file, or from a position on the rest of one."""
    file = SlowFile(data[rest or 0 :], before_block)
    client.storbinary(f"STOR {path}", file, BLOCK_BYTES, rest=rest)  # type: ignore[arg-type]


def upload_a_part(client: ftplib.FTP, path: str, part: bytes) -> None:
    """Begin to store a file, and break off when a part of it has arrived."""
    client.voidcmd("TYPE I")
    with client.transfercmd(f"STOR {path}") as data:
        data.sendall(part)
    with suppress(ftplib.Error):  # whether that is an error is the server's choice
        client.voidresp()


def make_directories(client: ftplib.FTP, paths: Iterable[str]) -> None:
    """Make directories that may be there already, each after its parent."""
    for path in paths:
        with suppress(ftplib.error_perm):
            client.mkd(path)


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(
        command, env=environment(), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        eventually(lambda: is_listened_on(port) or process.poll() is not None)
        assert process.poll() is None, "the FTP server did not start"
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 15)  # its own group: vsftpd has a process for each client
        process.wait(TIMEOUT_S)
