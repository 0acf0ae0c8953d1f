"""Clients of a front web server: one of raw bytes over TLS, and curl."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from front.fronts import Front
from front.place import HOST
from harness.clients import run_client, started_client
from harness.http import Connection, Response


@dataclass(frozen=True)
class Visitor:
    """What a visitor needs to reach a site; a Front has the same attributes."""

    port: int
    certificate: Path


class TlsConnection(Connection):
    """A connection of HTTP/1.1 over TLS to the site."""

    def __init__(self, visitor: Visitor, *, small_window: bool = False) -> None:
        super().__init__(visitor.port, small_window=small_window)
        self.reader.close()
        context = ssl.create_default_context(cafile=str(visitor.certificate))
        self.socket = context.wrap_socket(self.socket, server_hostname=HOST)
        self.reader = self.socket.makefile("rb")

    def send(self, method: str, target: str, *field_lines: str) -> None:
        """Send a request with the Host field and the lines given."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}", *field_lines, "", ""]
        self.socket.sendall("\r\n".join(lines).encode("utf-8", "surrogateescape"))


@contextmanager
def connected(visitor: Visitor, *, small_window: bool = False) -> Iterator[TlsConnection]:
    """Connect for the length of a block."""
    with closing(TlsConnection(visitor, small_window=small_window)) as connection:
        yield connection


def request(visitor: Visitor, method: str, target: str, *field_lines: str) -> Response:
    """Make one request on a connection of its own."""
    with connected(visitor) as connection:
        return connection.exchange(method, target, *field_lines)


def get(visitor: Visitor, target: str, *field_lines: str) -> Response:
    """GET on a connection of its own."""
    return request(visitor, "GET", target, *field_lines)


def curl_command(front: Front, target: str, *arguments: str) -> list[str]:
    return [
        *("curl", "-sS", "--path-as-is", "--cacert", str(front.place.certificate)),
        *("--resolve", f"{HOST}:{front.port}:127.0.0.1", *arguments),
        f"https://{HOST}:{front.port}{target}",
    ]


def curl(front: Front, target: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run curl to its end, in the directory of the front web server."""
    return run_client(curl_command(front, target, *arguments), front.place.directory)


@contextmanager
def started_curl(
    front: Front, target: str, *arguments: str, cwd: Path
) -> Iterator[subprocess.Popen[str]]:
    """Run curl until the block ends."""
    with started_client(curl_command(front, target, *arguments), cwd) as process:
        yield process
