"""Clients of FTP, each stopped on its way to a server that is slow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from harness.ftp import PYFTPDLIB
from harness.ports import free_port
from uploaders.programs import Upload, Uploader, stopping
from uploaders.relay import Command, installed, served

_BYTES_PER_S = 500_000


@contextmanager
def _to_slow_server(
    client: Callable[[int], Command], target: Path, *, least_bytes: int = 1
) -> Iterator[Upload]:
    port = free_port()
    arguments = [PYFTPDLIB, target.parent, f"{port}", f"{_BYTES_PER_S}"]
    server = [sys.executable, "-W", "ignore", *arguments]
    with (
        served(server, port),
        stopping(client(port), target.parent, least_bytes=least_bytes) as upload,
    ):
        yield upload


def lftp(source: Path, target: Path, settings: str = "") -> AbstractContextManager[Upload]:
    """Write to the final name."""
    program = installed("lftp")

    def client(port: int) -> Command:
        put = (
            f"{settings} open -u anonymous,a ftp://127.0.0.1:{port}; put {source} -o {target.name}"
        )
        return [program, "--norc", "-c", put]

    return _to_slow_server(client, target)


def lftp_hidden(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to `.in.NAME`, with `xfer:use-temp-file`."""
    return lftp(source, target, "set xfer:use-temp-file yes;")


def ncftpput(source: Path, target: Path, *flags: str) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    program = installed("ncftpput")

    def client(port: int) -> Command:
        place = ("-P", f"{port}", "-C", "127.0.0.1", source, target.name)
        return [program, "-V", *flags, *place]

    return _to_slow_server(client, target)


def wput(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    program = installed("wput")

    def client(port: int) -> Command:
        return [program, "-q", source, f"ftp://127.0.0.1:{port}/{target.name}"]

    return _to_slow_server(client, target)


def tnftp(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    program = installed("tnftp")

    def client(port: int) -> Command:
        return [program, "-u", f"ftp://anonymous:a@127.0.0.1:{port}/{target.name}", source]

    return _to_slow_server(client, target)


FTP_CLIENTS: Sequence[Uploader] = (lftp, lftp_hidden, ncftpput, wput, tnftp)
