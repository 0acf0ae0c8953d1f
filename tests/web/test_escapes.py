"""Ways out of an album, as attackers write them: in the path, in the query, and on the disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import product
from pathlib import Path
from zipfile import ZipFile

import pytest
from harness.albums import HASH, make_album
from harness.http import Connection, Response, get
from harness.odd_files import LINKS, OTHER, SECRET, SPECIAL
from harness.opens import opens_noted
from harness.server import Server, serving

ALBUM = f"/archive/{HASH}/".encode()
FILES = {"1.jpg": b"one", "sub/2.jpg": b"two", "sub/a..b.jpg": b"dots", "sub/Case.jpg": b"case"}


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    make_album(root, {"secret.txt": SECRET, "etc/passwd": SECRET}, "outside")
    (root / "secret.txt").write_bytes(SECRET)
    photos_dir = root / "photos"
    make_album(photos_dir, FILES)
    make_album(photos_dir, {"secret.txt": SECRET}, OTHER)
    make_album(photos_dir, {"secret.txt": SECRET}, "..hidden")
    (photos_dir / "secret.txt").write_bytes(SECRET)
    return photos_dir


@pytest.fixture(scope="module")
def server(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(photos_dir, tmp_path_factory.mktemp("cache"), "--level", "debug") as server:
        yield server


def sent_raw(connection: Connection, target: bytes) -> Response:
    connection.socket.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection.receive()


@contextmanager
def reconnecting(server: Server) -> Iterator[Callable[[bytes], Response]]:
    """Send one request after the other, on a new connection where the old one was ended."""
    connections = [Connection(server.port)]

    def send(target: bytes) -> Response:
        answer = sent_raw(connections[-1], target)
        if answer.status == 400:
            connections[-1].close()
            connections.append(Connection(server.port))
        return answer

    yield send
    connections[-1].close()


# One step up, however it is written.
UP = [
    b"..",
    b"%2e%2e",
    b"%2E.",
    b".%2e",
    b"%252e%252e",
    b"%25252e%25252e",
    b"%c0%ae%c0%ae",  # overlong UTF-8, two bytes a dot
    b"%e0%80%ae%e0%80%ae",  # three
    b"%f0%80%80%ae%f0%80%80%ae",  # four
    b"%c0%2e%c0%2e",
    b"%uff0e%uff0e",
    b"%ef%bc%8e%ef%bc%8e",  # full-width dots
    b"%u002e%u002e",
    b"..;",
    b"..;a=b",
    b"%2e%2e%3b",
    b"..%00",
    b"..%0d%0a",
    b"..%20",
    b"..%09",
    b"..%ff",
    b"....",
    b"....//",
    b"..././",
    b".../...//",
    b"\xc0\xae\xc0\xae",
    b"\xff\xfe..",
    b"..\\",
]
SEPARATORS = [
    *(b"/", b"%2f", b"%252f", b"%c0%af", b"%e0%80%af", b"\\", b"%5c", b"%255c", b"//", b"/./"),
    *(b"%ef%bc%8f", b";/", b"%00/", b"%u2215"),
]
GOALS = [b"secret.txt", OTHER.encode(), b"outside/secret.txt"]
PREFIXES = [b"/archive/", ALBUM, b"/archive/" + HASH.encode()]


def assert_nothing_outside(answer: Response) -> None:
    assert SECRET not in answer.content
    assert OTHER.encode() not in answer.content
    assert answer.status in (301, 400, 404)
    if answer.status == 301:
        location = answer["location"].split("?")[0]
        assert location.startswith("/archive/")
        assert location.count("/") == 3


@pytest.mark.parametrize("up", UP)
def test_no_path_leads_up(server: Server, up: bytes) -> None:
    with reconnecting(server) as send:
        for prefix, separator, times, goal in product(PREFIXES, SEPARATORS, (1, 3), GOALS):
            assert_nothing_outside(send(prefix + (up + separator) * times + goal + b"/"))


@pytest.mark.parametrize(
    "target",
    [
        b"/archive//etc/passwd/",
        b"/archive/%2fetc%2fpasswd/",
        b"/archive/file:%2f%2f%2fetc%2fpasswd/",
        b"file:///etc/passwd",
        b"/archive/C:/",
        b"/archive/C:%5c/",
        b"/archive/%5c%5cserver%5cshare/",
        b"/archive/~/",
        b"/archive/~root/",
        b"/archive/$HOME/",
        b"/archive/%24%7BPHOTOS_DIR%7D/",
        b"/archive/{hash}/",
        b"/archive/*/",
        b"/archive/%2a/",
        b"/archive/?/",
        b"/archive/" + HASH[:-1].encode() + b"?/",
        b"/archive/" + HASH[:-1].encode() + b"*/",
        b"/archive/" + HASH.upper().encode() + b"/",
        b"/ARCHIVE/" + HASH.encode() + b"/",
        b"/archive/" + HASH.encode() + b"/Manifest.json",
        b"/archive/" + HASH.encode() + b"/manifest.json%00.txt",
        b"/archive/" + HASH.encode() + b"%00/",
        b"/archive/" + HASH.encode() + b"%00" + OTHER.encode() + b"/",
        b"/archive/" + HASH.encode() + b"\x00/",
        b"/archive/" + HASH.encode() + b"./",
        b"/archive/" + HASH.encode() + b"%2e/",
        b"/archive/" + HASH.encode() + b"::$DATA/",
        b"/archive/" + HASH.encode() + b";jsessionid=1/",
        b"/archive/" + HASH.encode() + b"\xcc\x81/",
        b"/archive/\xff\xfe\xfd/",
        b"/archive/" + b"a" * 5000 + b"/",
        b"/archive/" + b"../" * 2000 + b"etc/passwd",
        b"/archive/" + b"%2e%2e%2f" * 800 + b"etc%2fpasswd/",
        b"/archive/secret.txt/",
        b"/archive/..hidden/",
        b"/archive/./",
        b"/archive/%2e/",
    ],
)
def test_no_other_path_leads_out(connection: Connection, target: bytes) -> None:
    assert_nothing_outside(sent_raw(connection, target))


def test_an_album_whose_name_is_cut_short_by_the_query_is_itself(connection: Connection) -> None:
    answer = sent_raw(connection, ALBUM + b"?/../../secret.txt")
    assert answer.status == 200
    assert sorted(ZipFile(BytesIO(answer.content)).namelist()) == sorted(FILES)


@pytest.mark.parametrize("up", UP)
def test_no_file_of_the_query_lies_outside(server: Server, up: bytes) -> None:
    files = [
        steps + goal
        for separator in SEPARATORS
        for steps in (up + separator, b"sub/" + (up + separator) * 2, (up + separator) * 3)
        for goal in (*GOALS, b"")
    ]
    with reconnecting(server) as send:
        for file in files:
            answer = send(ALBUM + b"?file=" + file)
            assert SECRET not in answer.content
            assert answer.status in (400, 404)


@pytest.mark.parametrize(
    "file",
    [
        b"/etc/passwd",
        b"%2fetc%2fpasswd",
        b"/",
        b"//",
        b".",
        b"./",
        b"./1.jpg",
        b"sub/./2.jpg",
        b"sub//2.jpg",
        b"sub/../1.jpg",
        b"/1.jpg",
        b"1.jpg/",
        b"1.jpg%00",
        b"1.jpg%00.png",
        b"1.jpg%20",
        b"1.jpg.",
        b"1.jpg::$DATA",
        b"1.JPG",
        b"SUB/2.jpg",
        b"sub/case.jpg",
        b"sub%5c2.jpg",
        b"*",
        b"*.jpg",
        b"%3f.jpg",
        b"[1].jpg",
        b"~",
        b"~root/secret.txt",
        b"%ff",
        b"%c0%ae",
        b"%ed%a0%80",
        b"a" * 5000,
        b"../" * 1500,
        b"sub/a%2e%2e%2fb.jpg",
    ],
)
def test_a_file_of_the_query_is_named_exactly(connection: Connection, file: bytes) -> None:
    answer = sent_raw(connection, ALBUM + b"?file=" + file)
    assert answer.status == 404
    assert SECRET not in answer.content


@pytest.mark.parametrize(("file", "content"), FILES.items())
def test_a_file_of_the_album_is_found_however_it_is_encoded(
    connection: Connection, file: str, content: bytes
) -> None:
    encoded = "".join(f"%{byte:02x}" for byte in file.encode())
    answer = sent_raw(connection, ALBUM + b"?file=" + encoded.encode())
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.read(file) == content


# On the disk

PLACES = {"in the album": ".", "in a directory": "sub", "deep down": "sub/a/b"}
ALBUMS = {
    (kind, place): f"album-{number}"
    for number, (kind, place) in enumerate(
        (kind, place) for kind in (*SPECIAL, *LINKS) for place in PLACES
    )
}


@pytest.fixture(scope="module")
def odd_photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An album for each thing in each place, and around them what must stay outside."""
    root = tmp_path_factory.mktemp("odd")
    make_album(root, {"secret.txt": SECRET, "sub/secret.txt": SECRET}, "outside")
    make_album(root / "photos", {"secret.txt": SECRET}, OTHER)
    for (_, place), name in ALBUMS.items():
        album = make_album(root / "photos", {"1.jpg": b"one", "sub/a/b/2.jpg": b"two"}, name)
        (album / PLACES[place] / "other").symlink_to("special")
    return root / "photos"


@pytest.fixture(scope="module")
def odd_server(odd_photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    cache_dir = tmp_path_factory.mktemp("cache")
    with serving(odd_photos_dir, cache_dir, "--level", "debug") as server:
        yield server


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", [*SPECIAL, *LINKS])
def test_what_is_no_file_is_never_opened_and_no_link_leads_out(
    odd_photos_dir: Path, odd_server: Server, kind: str, place: str
) -> None:
    name = ALBUMS[kind, place]
    directory = odd_photos_dir / name / PLACES[place]
    {**SPECIAL, **LINKS}[kind](directory / "special")
    with opens_noted(directory) as opened:
        answer = get(odd_server.port, f"/archive/{name}/")
        for file in ("special", "special/", "special/secret.txt", "other"):
            path = os.path.normpath(f"{PLACES[place]}/{file}")
            assert get(odd_server.port, f"/archive/{name}/?file={path}").status == 404
    assert opened
    assert not {"special", "other"} & set(opened)
    assert answer.status == 200
    assert SECRET not in answer.content
    with ZipFile(BytesIO(answer.content)) as archive:
        assert sorted(archive.namelist()) == ["1.jpg", "sub/a/b/2.jpg"]
        assert archive.testzip() is None
    assert not odd_server.open_below(odd_photos_dir)
    assert not [line for line in odd_server.lines if "level=error" in line]
