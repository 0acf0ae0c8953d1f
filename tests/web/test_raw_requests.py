"""Any bytes on a connection: answered in HTTP or closed, never an internal error."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence

import pytest
from harness.albums import HASH, make_album, noise
from harness.http import TIMEOUT_S, get
from harness.server import Server, serving
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

EXAMPLES = 300
IDLE_S = 0.2
"""After so long without an answer the server waits for the rest of a request that has none."""
END = b"GET /archive/none/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
ALBUM = f"/archive/{HASH}/"

# RFC 9112 sections 4 and 5; names are tokens (RFC 9110 section 5.6.2).
STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] ([1-5][0-9][0-9]) [\t\x20-\x7e]*\r\n")
FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e]*)\r\n")
NO_CONTENT = (b"204", b"304")

blobs = st.binary(max_size=60)
TARGETS = [
    *(ALBUM, f"{ALBUM}?file=1.jpg", f"{ALBUM}?file=sub/&name=a", f"{ALBUM}manifest.json", "/"),
    *(f"/archive/{HASH}", f"{ALBUM}?name=a/b", f"{ALBUM}?file=", f"http://localhost{ALBUM}"),
    *("*", "localhost:80", "", "//", "http:", "http://[::1/", "/archive/%2e%2e/", "/%ff?%ff#%"),
]
target_pieces = st.sampled_from(
    [
        *(b"/", b"?", b"#", b"&", b"=", b";", b":", b"@", b"%", b"+", b".", b"\\", b"[", b"]"),
        *(b" ", b"\t", b"%2e", b"%00", b"%ff", b"%d1%84", b"\xd1\x84", b"file", b"name"),
        *(b"archive", HASH.encode(), b"manifest.json"),
    ]
)
targets = st.sampled_from(TARGETS).map(str.encode)
odd_targets = st.one_of(
    targets,
    st.lists(target_pieces, max_size=6).map(lambda tail: ALBUM.encode() + b"".join(tail)),
    st.lists(target_pieces | blobs, max_size=6).map(b"".join),
)
VALUES = {
    "Range": [
        "bytes=0-",
        "bytes=0-0,-1",
        "bytes=9-1",
        "bytes=-0",
        "lines=1-2",
        "bytes=" + "9" * 99,
    ],
    "If-Range": ['"a"', "Sun, 06 Nov 1994 08:49:37 GMT"],
    "If-Match": ["*", '"a"', 'W/"a", *'],
    "If-None-Match": ["*", '"a"', '"'],
    "If-Modified-Since": ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "0"],
    "If-Unmodified-Since": ["Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 9999999 08:49:37 GMT"],
    "Accept": ["application/json", "text/html;q=,", "*/*;q=0"],
    "Accept-Language": ["ru;q=0.5,*;q=x", "en", "\t"],
    "Connection": ["close", "keep-alive", "upgrade", "close, keep-alive"],
    "Upgrade": ["websocket", "h2c"],
    "Expect": ["100-continue", "200-maybe"],
    "Cookie": ["a=b; c", "="],
    "Content-Length": ["0", "4", "-1", "1, 1", "99"],
    "Transfer-Encoding": ["gzip, chunked", "identity"],
    "Content-Encoding": ["gzip", "deflate", "br"],
    "Content-Type": ["multipart/form-data; boundary=a", "application/x-www-form-urlencoded"],
}
plausible_lines = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.sampled_from(VALUES[name]).map(lambda value: f"{name}: {value}\r\n".encode())
)
odd_lines = st.tuples(
    st.sampled_from(sorted(VALUES)).map(str.encode) | blobs,
    st.sampled_from([b": ", b":", b" :", b""]),
    blobs,
    st.sampled_from([b"\r\n", b"\n", b"\r", b"\r\n "]),
).map(b"".join)
LENGTH, CHUNKED = b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"
CONTENTS = [
    *((b"", b""), (b"", b""), (b"", b"abc"), (LENGTH, b"abc"), (LENGTH, b"abcd"), (LENGTH, b"a")),
    *((CHUNKED, b"3\r\nabc\r\n0\r\n\r\n"), (CHUNKED, b"zz\r\n"), (CHUNKED, b"3\r\nabcdef")),
]
"""Content, and the line that frames it, rightly or not."""


def requests(
    methods: st.SearchStrategy[bytes],
    targets: st.SearchStrategy[bytes],
    versions: st.SearchStrategy[bytes],
    lines: st.SearchStrategy[bytes],
) -> st.SearchStrategy[list[bytes]]:
    """Return requests, the content apart from the head."""
    fields = st.lists(lines, max_size=4).map(b"".join)
    line = st.tuples(methods, targets, versions).map(b" ".join)
    return st.builds(
        lambda line, fields, content: [
            line + b"\r\nHost: localhost\r\n" + fields + content[0] + b"\r\n",
            content[1],
        ],
        line,
        fields,
        st.sampled_from(CONTENTS),
    )


plausible_requests = requests(
    st.sampled_from([b"GET", b"GET", b"GET", b"HEAD", b"POST", b"OPTIONS"]),
    targets,
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]),
    plausible_lines,
)
odd_requests = requests(
    st.sampled_from([b"GET", b"get", b"CONNECT", b"PRI", b"G\xffT"]) | blobs,
    odd_targets,
    st.sampled_from([b"HTTP/1.1", b"HTTP/2.0", b"", b"HTTP", b"HTTP/1.1 "]) | blobs,
    plausible_lines | odd_lines,
)


@st.composite
def damaged(draw: st.DrawFn) -> list[bytes]:
    """A request with a stretch of it replaced, sent in two pieces."""
    request = b"".join(draw(plausible_requests))
    start = draw(st.integers(0, len(request)))
    stop = draw(st.integers(start, min(start + 8, len(request))))
    return [request[:start] + draw(blobs), request[stop:]]


conversations = st.lists(
    plausible_requests | plausible_requests | damaged() | odd_requests | blobs.map(lambda b: [b]),
    min_size=1,
    max_size=3,
).map(lambda several: [piece for pieces in several for piece in pieces])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos_dir = tmp_path_factory.mktemp("photos")
    make_album(photos_dir, {"1.jpg": noise(3000), "2.jpg": noise(200_000), "sub/3.jpg": noise(9)})
    with serving(photos_dir, tmp_path_factory.mktemp("cache"), "--level", "debug") as server:
        yield server


def exchange(port: int, pieces: Sequence[bytes]) -> tuple[bytes, bool]:
    """Send pieces; return what is answered, and whether it may have been cut short."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                connection.sendall(piece)
            connection.settimeout(IDLE_S)
            while block := connection.recv(1 << 20):
                received += block
        except (ConnectionError, TimeoutError):
            return bytes(received), True
    return bytes(received), False


def assert_well_formed(received: bytes, *, is_cut: bool) -> None:
    """Read answers one behind the other, each with a status below 500."""
    position = 0
    while position < len(received):
        status_line = STATUS_LINE.match(received, position)
        if status_line is None and is_cut:
            return
        assert status_line, received[position : position + 200]
        assert int(status_line[1]) < 500
        fields, position = fields_of(received, status_line.end(), is_cut=is_cut)
        if status_line[1].startswith(b"1") or status_line[1] in NO_CONTENT:
            continue
        length = int(fields[b"content-length"])
        if received.startswith(b"HTTP/", position) or position == len(received):
            continue  # the answer to a HEAD, unless there is nothing to be sent
        position += length
        assert is_cut or position <= len(received)


def fields_of(received: bytes, position: int, *, is_cut: bool) -> tuple[dict[bytes, bytes], int]:
    fields = {}
    while not received.startswith(b"\r\n", position):
        line = FIELD_LINE.match(received, position)
        if line is None and is_cut:
            return {b"content-length": b"0"}, len(received)
        assert line, received[position : position + 200]
        fields[line[1].lower()] = line[2]
        position = line.end()
    return fields, position + 2


def complaints(server: Server) -> list[str]:
    """Return what the server has said of itself that it should not have to say."""
    return [line for line in server.lines if re.search(r"level=(error|critical)|Traceback", line)]


def test_whatever_is_sent_is_answered_in_http_or_the_connection_closed(server: Server) -> None:
    whole = get(server.port, ALBUM)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(conversations)
    @example(
        [b"GET / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n" + LENGTH + b"\r\n", b"abc"]
    )
    def send(pieces: list[bytes]) -> None:
        received, is_cut = exchange(server.port, [*pieces, END])
        assert_well_formed(received, is_cut=is_cut)
        assert not complaints(server)
        assert server.process.poll() is None

    send()
    after = get(server.port, ALBUM)
    assert (after.status, after.content) == (200, whole.content)
    assert not complaints(server)
