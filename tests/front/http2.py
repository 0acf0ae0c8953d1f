"""A client of HTTP/2 that shows how a stream ends.

It makes one request, and takes no more than the first window until it is told to (RFC 9113).
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from front.client import Visitor
from front.place import HOST
from harness.http import TIMEOUT_S

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS = 0x1, 0x1, 0x4
_STREAM = 1
_LARGEST_WINDOW = 2**31 - 1
_FIRST_WINDOW = 65_535
_INDEXED_GET, _INDEXED_HTTPS = b"\x82", b"\x87"  # RFC 7541 appendix A
_AUTHORITY, _PATH = 1, 4


class End(Enum):
    """How a stream has ended."""

    WHOLE = "END_STREAM"
    RESET = "RST_STREAM"
    CLOSED = "GOAWAY, or the connection"


class Http2Stream:
    """One request on a connection of its own."""

    def __init__(self, connection: ssl.SSLSocket, target: str) -> None:
        self.received_bytes = 0
        self._socket = connection
        self._send(_SETTINGS, 0, b"", stream=0, preface=_PREFACE)
        fields = _INDEXED_GET + _INDEXED_HTTPS
        fields += _literal(_AUTHORITY, HOST) + _literal(_PATH, target)
        self._send(_HEADERS, _END_STREAM | _END_HEADERS, fields, stream=_STREAM)

    def first_window(self) -> None:
        """Receive until the server may send no more."""
        while self.received_bytes < _FIRST_WINDOW:
            assert self._next() is None

    def end(self) -> End:
        """Open the windows; receive until the stream ends."""
        more = struct.pack("!I", _LARGEST_WINDOW - _FIRST_WINDOW)
        for stream in (0, _STREAM):
            self._send(_WINDOW_UPDATE, 0, more, stream=stream)
        while (end := self._next()) is None:
            pass
        return end

    def _next(self) -> End | None:
        """Receive a frame."""
        try:
            head = self._taken(9)
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            content = self._taken(int.from_bytes(head[:3], "big"))
        except (EOFError, OSError):
            return End.CLOSED
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            self._send(kind, _ACK, content if kind == _PING else b"", stream=0)
        if kind == _GOAWAY:
            return End.CLOSED
        if stream != _STREAM:
            return None
        if kind == _RST_STREAM:
            return End.RESET
        self.received_bytes += len(content) if kind == _DATA else 0
        return End.WHOLE if kind in (_DATA, _HEADERS) and flags & _END_STREAM else None

    def _taken(self, count: int) -> bytes:
        taken = b""
        while len(taken) < count:
            more = self._socket.recv(count - len(taken))
            if not more:
                raise EOFError
            taken += more
        return taken

    def _send(
        self, kind: int, flags: int, content: bytes, *, stream: int, preface: bytes = b""
    ) -> None:
        head = len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
        self._socket.sendall(preface + head + content)


def _literal(name: int, value: str) -> bytes:
    """Encode a field without indexing it, by the index of its name (RFC 7541 section 6.2.2)."""
    assert len(value) < 127
    return bytes([name, len(value)]) + value.encode()


@contextmanager
def http2_stream(visitor: Visitor, target: str) -> Iterator[Http2Stream]:
    """Make a request for the length of a block."""
    context = ssl.create_default_context(cafile=str(visitor.certificate))
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(("127.0.0.1", visitor.port), timeout=TIMEOUT_S)
    with context.wrap_socket(plain, server_hostname=HOST) as connection:
        assert connection.selected_alpn_protocol() == "h2"
        yield Http2Stream(connection, target)
