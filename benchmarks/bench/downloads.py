"""Clients: curl, which throws the bytes away, and a socket that stops at the first byte."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

_WRITE_OUT = "%{size_download} %{time_starttransfer} %{time_total}\n"
_TIMEOUT_S = 600.0
"""Hashing 100 GB takes a while."""


@dataclass(frozen=True)
class Downloaded:
    """The figures of one client."""

    size: int
    wall_s: float
    first_byte_s: float
    cpu_s: float


@dataclass(frozen=True)
class FirstByte:
    """The beginning of one response."""

    status: int
    wall_s: float
    """From the request to the first byte of the content; connecting does not count."""


class Client:
    """A running curl."""

    def __init__(self, url: str, *, count: int = 1, prefix: Sequence[str] = ()) -> None:
        command = [*prefix, "curl", "--silent", "--fail", "--write-out", _WRITE_OUT]
        command += ["--output", os.devnull, url] * count
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def finish(self) -> Downloaded:
        """Wait for the end."""
        process = self._process
        assert process.stdout is not None
        with process.stdout as output:
            figures = [line.split() for line in output]
        # wait4 returns the time of this child, getrusage that of all children.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"curl failed with status {process.returncode}: {process.args!r}")
        return Downloaded(
            sum(int(size) for size, *_ in figures),
            sum(float(total_s) for _, _, total_s in figures),
            statistics.median(float(first_s) for _, first_s, _ in figures),
            usage.ru_utime + usage.ru_stime,
        )

    def is_under_way(self) -> bool:
        """Return whether it has not ended."""
        return self._process.poll() is None

    def abandon(self) -> None:
        """Break the download off."""
        self._process.kill()
        self._process.communicate()


def download(url: str, *, count: int = 1) -> Downloaded:
    """Download, one after the other over one connection."""
    return Client(url, count=count).finish()


def first_byte(url: str, *, fields: str = "") -> FirstByte:
    """Request, take the first bytes of the content, and leave.

    `fields` are header fields, each with its CRLF.
    """
    parts = urlsplit(url)
    target = parts._replace(scheme="", netloc="").geturl()
    request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n{fields}\r\n"
    address = (parts.hostname or "", parts.port or 80)
    with socket.create_connection(address, timeout=_TIMEOUT_S) as connection:
        began_s = time.perf_counter()
        connection.sendall(request.encode())
        received = b""
        while not received.partition(b"\r\n\r\n")[2]:
            piece = connection.recv(4096)
            if not piece:
                raise RuntimeError(f"{url}: the connection ended before the content")
            received += piece
        return FirstByte(int(received.split()[1]), time.perf_counter() - began_s)
