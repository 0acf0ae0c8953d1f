"""Links to no album, and links that lead elsewhere: nothing but an album is ever served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.albums import HASH, make_album
from harness.http import Connection, Response
from harness.server import Server, serving

SECRET = b"a file outside of the album"


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Albums, and all that isn't one."""
    root = tmp_path_factory.mktemp("site")
    outside = make_album(root, {"secret.txt": SECRET}, "outside")
    photos_dir = root / "photos"
    album = make_album(photos_dir, {"1.jpg": b"one", "sub/2.jpg": b"two"})
    make_album(photos_dir, {"1.jpg": b"hidden"}, ".hidden")
    make_album(photos_dir, {"1.jpg": b"spaced"}, f"{HASH} ")
    make_album(photos_dir, {"1.jpg": b"Cyrillic"}, "альбом")
    make_album(photos_dir, {"1.jpg": b"evil"}, "evil.example")
    (photos_dir / "a-file").write_bytes(SECRET)
    (photos_dir / "linked").symlink_to(album)
    (photos_dir / "linked-outside").symlink_to(outside)
    return photos_dir


@pytest.fixture(scope="module")
def server(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(photos_dir, tmp_path_factory.mktemp("cache"), "--level", "debug") as server:
        yield server


MISSING = ["none", "0" * 32, HASH[:-1], f"{HASH}0", HASH.upper(), "a-file", "a" * 255]
LINKED = ["linked", "linked-outside"]
MALFORMED = [
    "%2e%2e",
    "%2E",
    "..%2f..",
    "..%2foutside",
    f"{HASH}%2fsub",
    f"{HASH}%2f..%2f{HASH}",
    "%2fetc",
    "..%5coutside",
    ".hidden",
    "%2ehidden",
    f"{HASH}%20",
    f"%20{HASH}",
    f"{HASH}+",
    f"{HASH}%00",
    f"{HASH}%0a",
    f"{HASH}%2500",
    f"{HASH}%3Fname=a",
    "%d0%b0%d0%bb%d1%8c%d0%b1%d0%be%d0%bc",
    "%ff",
    "%zz",
    "a" * 256,
    "a" * 300,
    "*",
    "a%2fb",
]


@pytest.mark.parametrize("tail", ["/", "/manifest.json"])
@pytest.mark.parametrize("name", [*MISSING, *LINKED, *MALFORMED])
def test_no_album(connection: Connection, name: str, tail: str) -> None:
    answer = connection.exchange("GET", f"/archive/{name}{tail}", "Accept-Language: ru")
    assert answer.status == 404
    assert "Архив не существует или был удалён" in answer.content.decode()
    # Who guesses learns nothing: neither how a hash looks, nor that a file stands there.
    assert told(answer) == told(connection.exchange("GET", "/archive/none/", "Accept-Language: ru"))


@pytest.mark.parametrize("name", MALFORMED)
def test_what_can_be_no_album_is_not_redirected(connection: Connection, name: str) -> None:
    answer = connection.exchange("GET", f"/archive/{name}")
    assert answer.status == 404
    assert "location" not in answer


@pytest.mark.parametrize(
    "target",
    [
        "/archive",
        "/archive//",
        f"/archive//{HASH}/",
        f"//archive/{HASH}/",
        f"/archive/{HASH}//",
        f"/archive/{HASH}/1.jpg",
        f"/archive/{HASH}/sub/",
        f"/archive/{HASH}/manifest.json/",
        f"/archive/{HASH}/manifest",
        f"/Archive/{HASH}/",
        f"/archive/{HASH}/../{HASH}/",
        f"/archive/./{HASH}/",
        f"/archive/../archive/{HASH}/",
        "/archive/../",
        "/archive/..",
        "/archive/../../etc/passwd",
        "/../../etc/passwd",
        "/static/../server.py",
        "/.env",
        "/test_photos/",
        "/index.html",
    ],
)
def test_nothing_is_served_under_other_paths(connection: Connection, target: str) -> None:
    answer = connection.exchange("GET", target)
    assert answer.status == 404
    assert answer["content-type"].startswith("text/html")
    assert SECRET not in answer.content


def told(answer: Response) -> tuple[int, list[tuple[str, str]], bytes]:
    lines = [(name, value) for name, value in answer.field_lines if name != "date"]
    return answer.status, lines, answer.content


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?name=%D0%9E%D1%82%D0%BF%D1%83%D1%81%D0%BA&file=a+b&file=c%2Fd",
        "?file=1.jpg&file=%7e%41",
        "?a=%zz",
        "?next=//evil.example/",
        "?a=%0d%0aSet-Cookie:%20a=b",
        "?a?b",
        "?name=",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_missing_slash_is_added(connection: Connection, method: str, query: str) -> None:
    answer = connection.exchange(method, f"/archive/{HASH}{query}")
    assert answer.status == 301
    assert answer["location"] == f"/archive/{HASH}/{query}"
    assert answer.content == b""


def test_existing_and_missing_are_redirected_alike(connection: Connection) -> None:
    answer = connection.exchange("GET", "/archive/none")
    assert (answer.status, answer["location"]) == (301, "/archive/none/")


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "//evil.example/archive/a",
        "/archive//evil.example",
        "/archive/%2fevil.example",
        "/archive/%2f%2fevil.example",
        "/archive/%5cevil.example",
        "/archive/..//evil.example",
        "/archive/https:%2f%2fevil.example",
        "/archive/https://evil.example",
        "/archive/@evil.example",
        "/archive/a%0d%0aLocation:%20evil.example",
    ],
)
def test_redirect_leads_nowhere_else(connection: Connection, target: str) -> None:
    answer = connection.exchange("GET", target)
    assert answer.status == 404
    assert "location" not in answer


@pytest.mark.parametrize(
    ("target", "field_line"),
    [
        ("/archive/evil.example", "X-Forwarded-Host: evil.example"),
        (f"http://evil.example/archive/{HASH}", "X-Forwarded-Proto: javascript"),
        (f"//localhost/archive/{HASH}", "Host: evil.example"),
    ],
)
def test_redirect_is_a_path(connection: Connection, target: str, field_line: str) -> None:
    answer = connection.exchange("GET", target, field_line)
    assert answer.fields.get("location", "/archive/").startswith("/archive/")
    assert answer.status in (301, 404, 400)
