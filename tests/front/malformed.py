"""Requests for albums that front web servers refuse, or that never end.

Each has a hash of its own, so that a log shows which of them it contains.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from front.client import Visitor
from front.place import HOST

TIMEOUT_S = 60.0
BLOCK_BYTES = 1 << 16
SIGNATURE = "5ca1ab1e" * 5
"""Stands in each query; what the service would take for a signature."""


@dataclass(frozen=True)
class Malformed:
    """A request as bytes, in which `{album}` and `{query}` are to be filled in."""

    text: str
    is_cut: bool = False
    """Ends in the middle: no answer is waited for."""
    is_plain: bool = False
    """Sent to the port of TLS without TLS."""
    server_name: str | None = HOST
    """The name in the TLS handshake."""

    def sent_bytes(self, number: int) -> bytes:
        filled = self.text.replace("{album}", f"/archive/{hash_of(number)}/")
        filled = filled.replace("{hash}", hash_of(number))
        query = f"expires=1893456000&signature={SIGNATURE}"
        return filled.replace("{query}", query).replace("\n", "\r\n").encode("latin-1")


def _get(target: str = "{album}?{query}", *fields: str, version: str = "HTTP/1.1") -> Malformed:
    return Malformed("\n".join([f"GET {target} {version}", f"Host: {HOST}", *fields, "", ""]))


def _cut(text: str) -> Malformed:
    return Malformed(text, is_cut=True)


def hash_of(number: int) -> str:
    return f"{number:03d}" + "dead" * 7


MALFORMED: Mapping[str, Malformed] = {
    "no host": Malformed("GET {album}?{query} HTTP/1.1\n\n"),
    "no host in HTTP/1.0": Malformed("GET {album}?{query} HTTP/1.0\n\n"),
    "HTTP/0.9": _cut("GET {album}?{query}\n"),
    "two hosts": _get("{album}?{query}", "Host: example.com"),
    "a host that is none": Malformed("GET {album}?{query} HTTP/1.1\nHost: a b/\n\n"),
    "another host": Malformed("GET {album}?{query} HTTP/1.1\nHost: other.example\n\n"),
    "no name in the handshake": Malformed(
        "GET {album}?{query} HTTP/1.1\nHost: example.org\n\n", server_name=None
    ),
    "a large cookie": _get("{album}?{query}", f"Cookie: a={'c' * 9_000}"),
    "a huge cookie": _get("{album}?{query}", f"Cookie: a={'c' * 300_000}"),
    "many fields": _get("{album}?{query}", *(f"X-{number}: x" for number in range(2_000))),
    "a long query": _get(f"{{album}}?{{query}}&file={'x' * 20_000}"),
    "a huge query": _get(f"{{album}}?{{query}}&file={'x' * 300_000}"),
    "plain HTTP": Malformed("GET {album}?{query} HTTP/1.1\nHost: example.org\n\n", is_plain=True),
    "lost in the header": _cut("GET {album}?{query} HTTP/1.1\nHost: example.org\nX-"),
    "lost after the request line": _cut("GET {album}?{query} HTTP/1.1\n"),
    "lost in the request line": _cut("GET {album}?{query}"),
    "lost in the body": _cut(
        "GET {album}?{query} HTTP/1.1\nHost: example.org\nContent-Length: 10\n\n"
    ),
    "an unknown version": _get(version="HTTP/9.9"),
    "a broken version": _get(version="HTTQ/1.1"),
    "no version but a space": _get(version=""),
    "a field without a colon": _get("{album}?{query}", "nonsense"),
    "a space before the colon": _get("{album}?{query}", "X-Field : x"),
    "a folded field": _get("{album}?{query}", "X-Field: x", " folded"),
    "a zero byte in a field": _get("{album}?{query}", "X-Field: a\0b"),
    "a byte of control in a field": _get("{album}?{query}", "X-Field: a\x01b"),
    "a zero byte in the target": _get("{album}\0?{query}"),
    "a space in the target": _get("{album}a b?{query}"),
    "bytes beyond ASCII in the target": _get("{album}\xff?{query}"),
    "an encoded zero byte": _get("{album}%00?{query}"),
    "an escape that is none": _get("{album}%zz?{query}"),
    "an encoded letter and an escape that is none": _get("/%61rchive/{hash}/%zz?{query}"),
    "a fragment": _get("{album}?{query}#part"),
    "an encoded letter": _get("/%61rchive/{hash}/?{query}", f"Cookie: a={'c' * 300_000}"),
    "encoded slashes": _get("/archive%2f{hash}%2F?{query}"),
    "two slashes": _get("//archive//{hash}/?{query}"),
    "a detour": _get("/elsewhere/../archive/{hash}/?{query}"),
    "a detour to above the root": _get("/archive/{hash}/../../../?{query}"),
    "another case": _get("/Archive/{hash}/?{query}"),
    "a path in front": _get("/en/archive/{hash}/?{query}"),
    "an absolute target": _get("https://example.org{album}?{query}"),
    "an absolute target of another": _get("http://other.example{album}?{query}"),
    "no slash in front": _get("archive/{hash}/?{query}"),
    "CONNECT": Malformed("CONNECT {album}?{query} HTTP/1.1\nHost: example.org\n\n"),
    "TRACE": Malformed("TRACE {album}?{query} HTTP/1.1\nHost: example.org\n\n"),
    "a method nobody knows": Malformed("BREW {album}?{query} HTTP/1.1\nHost: example.org\n\n"),
    "a method in small letters": Malformed("get {album}?{query} HTTP/1.1\nHost: example.org\n\n"),
    "a method that is none": Malformed("G@T {album}?{query} HTTP/1.1\nHost: example.org\n\n"),
    "a body too large": _cut(
        "POST {album}?{query} HTTP/1.1\nHost: example.org\nContent-Length: 99999999999\n\n"
    ),
    "a length that is none": _get("{album}?{query}", "Content-Length: x"),
    "two lengths": _get("{album}?{query}", "Content-Length: 1", "Content-Length: 2"),
    "an unknown transfer coding": _get("{album}?{query}", "Transfer-Encoding: gzap"),
    "a broken chunk": _cut(
        "POST {album}?{query} HTTP/1.1\nHost: example.org\nTransfer-Encoding: chunked\n\nZZ\n"
    ),
    "an unknown expectation": _get("{album}?{query}", "Expect: the-unexpected"),
    "an upgrade": _get("{album}?{query}", "Connection: Upgrade", "Upgrade: websocket"),
    "a link on another page": _get("/", f"Referer: https://{HOST}{{album}}?{{query}}"),
    "a link in the query of a page": _get("/login?next={album}?{query}"),
    "an encoded link in the query of a page": _get("/login?next=%2Farchive%2F{hash}%2f%3F{query}"),
    "a link in the query of a referrer": _get(
        "/", f"Referer: https://search.example/url?q=https://{HOST}{{album}}&x={{query}}"
    ),
    "an encoded link in the query of a referrer": _get(
        "/", f"Referer: https://search.example/url?q=https%3A%2F%2F{HOST}%2farchive%2F{{hash}}%2F"
    ),
    "a link encoded twice": _get("/login?next=%252Farchive%252F{hash}%252F"),
    "a link on a missing page": _get("/none", f"Referer: https://{HOST}{{album}}?{{query}}"),
}


def send(visitor: Visitor, request: Malformed, number: int) -> None:
    """Send a request, and take what comes until the server closes the connection."""
    try:
        with _connected(visitor, request) as connection:
            _exchange(connection, request, number)
    except TimeoutError:
        raise
    except OSError:
        pass  # refused with a reset, or in the handshake


def _exchange(connection: socket.socket, request: Malformed, number: int) -> None:
    connection.sendall(request.sent_bytes(number))
    if not request.is_cut:
        connection.recv(BLOCK_BYTES)
    # Not by the method of the TLS socket, which takes nothing any more afterwards.
    socket.socket.shutdown(connection, socket.SHUT_WR)
    while connection.recv(BLOCK_BYTES):
        pass


@contextmanager
def _connected(visitor: Visitor, request: Malformed) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", visitor.port), TIMEOUT_S) as plain:
        if request.is_plain:
            yield plain
            return
        context = ssl.create_default_context(cafile=str(visitor.certificate))
        context.check_hostname = request.server_name is not None
        with context.wrap_socket(plain, server_hostname=request.server_name) as encrypted:
            yield encrypted
