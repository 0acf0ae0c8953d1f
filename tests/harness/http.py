"""A client that sends given bytes and parses an answer no further than needed."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from io import BufferedReader

TIMEOUT_S = 120.0
RECEIVE_BUFFER_BYTES = 4096
WIDE_BUFFER_BYTES = 4 * 1024 * 1024


class Truncated(Exception):
    """The connection ended before the content did; `received` is what came of it."""

    def __init__(self, received: bytes) -> None:
        super().__init__(f"{len(received)} bytes")
        self.received = received


@dataclass(frozen=True)
class Response:
    """An answer; field names are in lower case."""

    status: int
    field_lines: list[tuple[str, str]]
    content: bytes

    @property
    def fields(self) -> dict[str, str]:
        return dict(self.field_lines)

    def __getitem__(self, name: str) -> str:
        return self.fields[name]

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def values(self, name: str) -> list[str]:
        """Return the values of all lines of a field."""
        return [value for line_name, value in self.field_lines if line_name == name]


class Connection:
    """One connection to the server."""

    def __init__(
        self, port: int, *, small_window: bool = False, address: str = "127.0.0.1"
    ) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if address != "127.0.0.1":
            self.socket.bind((address, 0))
        if small_window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(("127.0.0.1", port))
        self.reader: BufferedReader = self.socket.makefile("rb")

    def close(self) -> None:
        self.reader.close()
        self.socket.close()

    def reset(self) -> None:
        """Close with a reset, as a client does whose system has forgotten the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def open_window(self) -> None:
        """Take bytes quickly from now on."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WIDE_BUFFER_BYTES)

    def send(self, method: str, target: str, *field_lines: str) -> None:
        """Send a request with the Host field and the lines given."""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *field_lines, "", ""]
        self.socket.sendall("\r\n".join(lines).encode("utf-8", "surrogateescape"))

    def receive_head(self) -> tuple[int, list[tuple[str, str]]]:
        status_line = self.reader.readline()
        if not status_line:
            raise Truncated(b"")
        status = int(status_line.split(b" ", 2)[1])
        field_lines = []
        while (line := self.reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            field_lines.append((name.lower(), value.strip()))
        return status, field_lines

    def receive(self, method: str = "GET") -> Response:
        """Receive an answer; raise Truncated where the connection ends before the content."""
        status, field_lines = self.receive_head()
        fields = dict(field_lines)
        length = int(fields.get("content-length", 0))
        if method == "HEAD" or status in (204, 304):
            length = 0
        return Response(status, field_lines, self.receive_content(length))

    def receive_content(self, length: int) -> bytes:
        received = bytearray()
        try:
            while len(received) < length:
                block = self.reader.read1(min(length - len(received), 1 << 20))
                if not block:
                    raise Truncated(bytes(received))
                received += block
        except ConnectionError:
            raise Truncated(bytes(received)) from None
        return bytes(received)

    def is_closed(self) -> bool:
        """Return whether the server ended the connection, nothing more having been sent."""
        try:
            return not self.reader.read1(1)
        except ConnectionError:
            return True

    def exchange(self, method: str, target: str, *field_lines: str) -> Response:
        self.send(method, target, *field_lines)
        return self.receive(method)


@contextmanager
def connected(port: int, *, small_window: bool = False) -> Iterator[Connection]:
    """Connect for the length of a block."""
    with closing(Connection(port, small_window=small_window)) as connection:
        yield connection


@contextmanager
def begun(port: int, target: str, *field_lines: str) -> Iterator[tuple[Connection, int]]:
    """Begin a download and take none of its content, whose length is given, for a block."""
    with connected(port, small_window=True) as connection:
        connection.send("GET", target, *field_lines)
        status, fields = connection.receive_head()
        assert status in (200, 206)
        yield connection, int(dict(fields)["content-length"])


def request(port: int, method: str, target: str, *field_lines: str) -> Response:
    """Make one request on a connection of its own."""
    with connected(port) as connection:
        return connection.exchange(method, target, *field_lines)


def get(port: int, target: str, *field_lines: str) -> Response:
    """GET on a connection of its own."""
    return request(port, "GET", target, *field_lines)


def is_ready(port: int) -> bool:
    """Return whether there is a service at the port that serves albums."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
