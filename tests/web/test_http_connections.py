"""Connections: kept, pipelined, closed, and fed with what is no request (RFC 9110, RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from harness.albums import HASH, make_album, noise
from harness.http import Connection, Response, connected
from harness.server import Server, serving

from archive_service.archive.segments import LARGE_FILE_BYTES

SMALL, LARGE = "a-small-album", HASH
ALBUMS = {
    SMALL: {"1.txt": noise(1000), "2.txt": noise(10)},
    LARGE: {"1.jpg": noise(LARGE_FILE_BYTES + 1), "2.txt": noise(10), "3.jpg": noise(1_000_000)},
}
TARGETS = {
    "buffers alone": f"/archive/{SMALL}/",
    "files by sendfile": f"/archive/{LARGE}/",
    "file by sendfile at the end": f"/archive/{LARGE}/?file=3.jpg",
    "manifest": f"/archive/{LARGE}/manifest.json",
    "page": "/archive/none/",
    "index": "/",
}
NO_CONTENT = {
    "redirect": f"/archive/{LARGE}",
}
TOO_LONG = 9000
FIELD_TOO_LONG = 66_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos_dir = tmp_path_factory.mktemp("photos")
    for name, files in ALBUMS.items():
        make_album(photos_dir, files, name)
    with serving(photos_dir, tmp_path_factory.mktemp("cache"), "--level", "debug") as server:
        yield server


@pytest.fixture(scope="module")
def expected(server: Server) -> dict[str, Response]:
    """The answer to each target, each on a connection of its own."""
    answers = {}
    for target in (*TARGETS.values(), *NO_CONTENT.values()):
        with connected(server.port) as connection:
            answers[target] = connection.exchange("GET", target)
    return answers


def raw(target: str, *field_lines: str, version: str = "1.1", host: bool = True) -> bytes:
    lines = [f"GET {target} HTTP/{version}", *(["Host: localhost"] if host else []), *field_lines]
    return "\r\n".join([*lines, "", ""]).encode()


def assert_same(answer: Response, expected: Response) -> None:
    assert answer.status == expected.status
    if "nonce" not in expected.fields.get("content-security-policy", ""):
        assert answer.content == expected.content
    assert len(answer.content) == len(expected.content)


@pytest.mark.parametrize("second", TARGETS.values(), ids=TARGETS.keys())
@pytest.mark.parametrize("first", TARGETS.values(), ids=TARGETS.keys())
def test_connection_is_kept_after(
    connection: Connection, expected: dict[str, Response], first: str, second: str
) -> None:
    # RFC 9112 section 9.3
    for target in (first, second):
        assert_same(connection.exchange("GET", target), expected[target])


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("field_line", ["If-None-Match: *", 'If-Match: "none"', "Range: bytes=-0"])
def test_connection_is_kept_after_an_answer_without_the_archive(
    connection: Connection, expected: dict[str, Response], method: str, field_line: str
) -> None:
    for target in TARGETS.values():
        connection.exchange(method, target, field_line)
        assert_same(connection.exchange("GET", target), expected[target])


def test_pipelined_requests_are_answered_in_order(
    connection: Connection, expected: dict[str, Response]
) -> None:
    # RFC 9112 section 9.3.2
    targets = [*TARGETS.values(), *NO_CONTENT.values(), *reversed(TARGETS.values())]
    connection.socket.sendall(b"".join(map(raw, targets)))
    for target in targets:
        assert_same(connection.receive(), expected[target])


def test_pipelined_downloads_of_a_client_that_reads_late(
    server: Server, expected: dict[str, Response]
) -> None:
    target = TARGETS["files by sendfile"]
    with connected(server.port, small_window=True) as connection:
        connection.socket.sendall(raw(target) * 5)
        server.wait_for(r"event=download\.started")
        for _ in range(5):
            assert_same(connection.receive(), expected[target])


def test_request_may_come_in_small_pieces(
    connection: Connection, expected: dict[str, Response]
) -> None:
    target = TARGETS["files by sendfile"]
    for byte in raw(target):
        connection.socket.sendall(bytes([byte]))
    assert_same(connection.receive(), expected[target])


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
@pytest.mark.parametrize("value", ["close", "Close", "keep-alive, close"])
def test_connection_is_closed_when_asked(
    connection: Connection, expected: dict[str, Response], target: str, value: str
) -> None:
    # RFC 9112 section 9.6: the server "SHOULD send a 'close' connection option"
    answer = connection.exchange("GET", target, f"Connection: {value}")
    assert_same(answer, expected[target])
    assert answer["connection"].lower() == "close"
    assert connection.is_closed()


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
@pytest.mark.parametrize("host", [True, False])
def test_old_client_gets_the_same_and_the_end(
    connection: Connection, expected: dict[str, Response], target: str, *, host: bool
) -> None:
    # RFC 9112 section 9.3: without keep-alive the connection of HTTP/1.0 is closed
    connection.socket.sendall(raw(target, version="1.0", host=host))
    answer = connection.receive()
    assert_same(answer, expected[target])
    assert "transfer-encoding" not in answer
    assert connection.is_closed()


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_old_client_may_keep_its_connection(
    connection: Connection, expected: dict[str, Response], target: str
) -> None:
    for _ in range(2):
        connection.socket.sendall(raw(target, "Connection: keep-alive", version="1.0"))
        answer = connection.receive()
        assert_same(answer, expected[target])
        assert answer["connection"].lower() == "keep-alive"


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_content_of_a_request_is_passed_over(
    connection: Connection, expected: dict[str, Response], target: str
) -> None:
    # section 9.3.1: content "received in a GET request has no generally defined semantics"
    connection.socket.sendall(raw(target, "Content-Length: 5") + b"GET /")
    assert_same(connection.receive(), expected[target])
    connection.socket.sendall(
        raw(target, "Transfer-Encoding: chunked") + b"5\r\nGET /\r\n0\r\n\r\n"
    )
    assert_same(connection.receive(), expected[target])
    assert_same(connection.exchange("GET", target), expected[target])


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_client_that_expects_leave_to_go_on(
    connection: Connection, expected: dict[str, Response], target: str
) -> None:
    # section 10.1.1
    connection.send("GET", target, "Expect: 100-continue", "Content-Length: 2")
    status, field_lines = connection.receive_head()
    assert (status, field_lines) == (100, [])
    connection.socket.sendall(b"go")
    assert_same(connection.receive(), expected[target])
    assert_same(connection.exchange("GET", target), expected[target])


@pytest.mark.parametrize(
    "method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "MKCOL"]
)
@pytest.mark.parametrize(
    ("target", "methods"),
    [
        ("/", {"GET", "HEAD"}),
        (f"/archive/{LARGE}", {"GET", "HEAD"}),
        (f"/archive/{LARGE}/", {"GET", "HEAD", "POST"}),
        (f"/archive/{LARGE}/manifest.json", {"GET", "HEAD"}),
    ],
)
def test_other_methods_are_not_allowed(
    connection: Connection, method: str, target: str, methods: set[str]
) -> None:
    answer = connection.exchange(method, target)
    assert answer.status == 405
    # section 15.5.6: "MUST generate an Allow header field"
    assert {allowed.strip() for allowed in answer["allow"].split(",")} == methods
    assert connection.exchange("GET", "/").status == 200


def test_content_of_a_method_not_allowed_is_passed_over(connection: Connection) -> None:
    content = b"x" * 200_000
    connection.send("PUT", TARGETS["files by sendfile"], f"Content-Length: {len(content)}")
    connection.socket.sendall(content)
    assert connection.receive().status == 405
    assert connection.exchange("GET", "/").status == 200


def test_trace_returns_nothing_of_the_request(connection: Connection) -> None:
    # section 9.3.8: what is sent may hold a secret
    answer = connection.exchange("TRACE", f"/archive/{LARGE}/", "Cookie: a-secret")
    assert b"a-secret" not in answer.content


@pytest.mark.parametrize("method", ["GET", "CONNECT", "OPTIONS"])
@pytest.mark.parametrize("target", ["*", "localhost:80"])
def test_target_that_is_no_path(server: Server, method: str, target: str) -> None:
    with connected(server.port) as connection:
        assert 400 <= connection.exchange(method, target).status < 500


def test_absolute_target(connection: Connection, expected: dict[str, Response]) -> None:
    # RFC 9112 section 3.2.2: "a server MUST accept the absolute-form in requests"
    target = TARGETS["files by sendfile"]
    answer = connection.exchange("GET", f"http://elsewhere.example{target}")
    assert_same(answer, expected[target])


UNREADABLE = {
    "request line too long": raw(f"/archive/{LARGE}/?name=" + "a" * TOO_LONG),
    "hash too long": raw("/archive/" + LARGE * 300),
    "field too long": raw(f"/archive/{LARGE}/", "Cookie: " + "a" * FIELD_TOO_LONG),
    "field name too long": raw(f"/archive/{LARGE}/", "C" * FIELD_TOO_LONG + ": a"),
    "too many fields": raw(f"/archive/{LARGE}/", *(f"X-{n}: {n}" for n in range(20_000))),
    "no Host": raw(f"/archive/{LARGE}/", host=False),  # RFC 9112 section 3.2
    "field without colon": raw(f"/archive/{LARGE}/", "Cookie"),
    "space before the colon": raw(f"/archive/{LARGE}/", "Cookie : a"),  # section 5.1
    "bare CR in a field": raw(f"/archive/{LARGE}/", "Cookie: a\rb"),
    "NUL in a field": raw(f"/archive/{LARGE}/", "Cookie: a\0b"),
    "NUL in the target": raw(f"/archive/{LARGE}\0/"),
    "space in the target": raw(f"/archive/{LARGE}/?name=a b"),
    "raw UTF-8 in the target": raw(f"/archive/{LARGE}/?name=Отпуск"),
    "version of nothing": raw(f"/archive/{LARGE}/", version="x.y"),
    "unknown method": raw(f"/archive/{LARGE}/").replace(b"GET", b"FETCH"),
    "two lengths": raw(f"/archive/{LARGE}/", "Content-Length: 1", "Content-Length: 2"),
    "length and chunks": raw(
        f"/archive/{LARGE}/", "Content-Length: 4", "Transfer-Encoding: chunked"
    ),
    "length below zero": raw(f"/archive/{LARGE}/", "Content-Length: -1"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise(32) + b"\r\n\r\n",
    "noise": noise(2000).replace(b"\n", b"") + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE.keys())
class TestUnreadableRequest:
    @pytest.fixture
    def answer(self, connection: Connection, data: bytes) -> Response:
        connection.socket.sendall(data)
        return connection.receive()

    def test_is_refused_and_the_connection_closed(
        self, server: Server, connection: Connection, answer: Response
    ) -> None:
        assert answer.status in (400, 414, 431, 501, 505)
        assert len(answer.content) == int(answer["content-length"])
        assert connection.is_closed()
        with connected(server.port) as other:
            assert other.exchange("GET", TARGETS["buffers alone"]).status == 200

    def test_learns_nothing_and_is_not_echoed(self, answer: Response) -> None:
        assert answer["server"] == "archive-service"
        assert not re.search(rb"aiohttp|python|traceback|\bb'", answer.content, re.IGNORECASE)
        # The link may be on a screen that others see, and the hash is the password.
        assert LARGE.encode() not in answer.content
        assert answer["cache-control"] == "private, no-cache"
        assert answer["x-content-type-options"] == "nosniff"

    def test_leaves_no_traceback_and_no_hash_in_the_log(
        self, server: Server, answer: Response
    ) -> None:
        with connected(server.port) as connection:
            connection.exchange("GET", "/archive/the-last-of-this-test/")
        server.wait_for(r"archive=the-la")
        assert all(line.startswith("timestamp=") for line in server.lines)
        assert LARGE not in "\n".join(server.lines)
        assert " level=error " not in "\n".join(server.lines)


def test_unreadable_request_behind_a_download_does_not_harm_it(
    connection: Connection, expected: dict[str, Response]
) -> None:
    target = TARGETS["files by sendfile"]
    connection.send("GET", target)
    assert connection.receive_head()[0] == 200
    connection.socket.sendall(UNREADABLE["noise"])
    content = connection.receive_content(len(expected[target].content))
    assert content == expected[target].content
    assert connection.receive().status == 400
    assert connection.is_closed()


@pytest.mark.parametrize("target", [TARGETS["buffers alone"], "/archive/", "/elsewhere"])
def test_an_unknown_expectation_is_answered_with_a_page(
    connection: Connection, target: str
) -> None:
    # RFC 9110 section 10.1.1
    answer = connection.exchange("GET", target, "Expect: 200-maybe", "Accept-Language: en")
    assert answer.status == 417
    assert answer["content-type"].startswith("text/html")
    assert b"200-maybe" not in answer.content


def test_content_that_can_not_be_unpacked_is_no_error(
    server: Server, connection: Connection, expected: dict[str, Response]
) -> None:
    target = TARGETS["buffers alone"]
    first = raw(target, "Content-Encoding: gzip", "Content-Length: 3") + b"abc"
    connection.socket.sendall(first + raw(target))
    for _ in range(2):
        assert_same(connection.receive(), expected[target])
    assert not [line for line in server.lines if "level=error" in line]


@pytest.mark.parametrize("target", [TARGETS["buffers alone"], "/archive/", "/elsewhere", "/"])
@pytest.mark.parametrize("value", ["щ", "\udcff", "100-continue, щ"])
def test_an_expectation_beyond_ascii_is_refused_like_any_other(
    server: Server, connection: Connection, target: str, value: str
) -> None:
    answer = connection.exchange("GET", target, f"Expect: {value}")
    assert answer.status == 417
    assert answer["server"] == "archive-service"
    assert answer["content-type"].startswith("text/html")
    assert not [line for line in server.lines if "level=error" in line]


@pytest.mark.parametrize("behind", ["at once", "later"])
@pytest.mark.parametrize("protocol", ["websocket", "h2c", "elsewhat"])
def test_behind_the_answer_to_an_upgrade_the_connection_is_closed(
    connection: Connection, expected: dict[str, Response], protocol: str, behind: str
) -> None:
    # RFC 9110 section 7.8: "A server MAY ignore a received Upgrade header field"
    target = TARGETS["buffers alone"]
    first = raw(target, "Connection: Upgrade", f"Upgrade: {protocol}")
    connection.socket.sendall(first + (raw(target) if behind == "at once" else b""))
    answer = connection.receive()
    # Else a client, or a proxy, sends its next request into a connection that is being closed.
    assert answer["connection"] == "close"
    assert_same(answer, expected[target])
    if behind == "later":
        with suppress(ConnectionError):
            connection.socket.sendall(raw(target))
    assert connection.is_closed()
