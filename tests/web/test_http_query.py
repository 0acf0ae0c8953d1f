"""What `?name=` and `?file=` do: the oracles are RFC 6266, RFC 8187 and Python's zipfile."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, unquote
from zipfile import ZipFile

import pytest
from harness.albums import HASH, LONG_AGO_S, make_album, noise
from harness.http import Connection, Response
from harness.server import Server, serving

TARGET = f"/archive/{HASH}/"
MANIFEST = f"{TARGET}manifest.json"
JSON = "Accept: application/json"
ALBUM = {
    "1.jpg": noise(300),
    "2.jpg": noise(200_000),
    "a b+c.jpg": b"a space and a plus",
    "100%.jpg": b"a percent sign",
    "%31.jpg": b"a percent sign and digits",
    "a&b=c;d#e.jpg": b"reserved characters",
    "a:b?.jpg": b"not portable",
    "Отпуск.jpg": b"Cyrillic",
    "кафе\u0301.jpg": b"decomposed",
    "sub/1.jpg": b"below",
    "sub/deeper/2.jpg": b"further below",
    "subway.jpg": b"not below",
    "none/": b"",
    ".hidden.jpg": b"hidden",
    "Thumbs.db": b"litter",
}
OLD_NAME = "Фото.jpg".encode("cp1251")
RENAMED = "a_b_.jpg"
LONGEST_NAME = 150


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos_dir = tmp_path_factory.mktemp("photos")
    album = make_album(photos_dir, ALBUM)
    make_old_file(album)
    with serving(photos_dir, tmp_path_factory.mktemp("cache")) as server:
        yield server


def make_old_file(album: Path) -> None:
    """Write a file as an FTP client with cp1251 names does."""
    path = os.path.join(bytes(album), OLD_NAME)
    with open(path, "wb") as file:
        file.write(b"not UTF-8")
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))


class TestName:
    @pytest.mark.parametrize(
        ("value", "name"),
        [
            ("Holiday", "Holiday.zip"),
            ("HOLIDAY.ZIP", "HOLIDAY.ZIP"),
            ("Holiday.2024", "Holiday.2024.zip"),
            ("My+holiday", "My holiday.zip"),  # as forms write a space
            ("C%2B%2B", "C++.zip"),
            ("%20Holiday%20", "Holiday.zip"),
            ("Rock'n'roll%21%20(1)%20%5B2%5D", "Rock'n'roll! (1) [2].zip"),
            ("a" * LONGEST_NAME, "a" * LONGEST_NAME + ".zip"),
        ],
    )
    def test_that_ascii_says_faithfully(
        self, connection: Connection, value: str, name: str
    ) -> None:
        # RFC 6266 appendix D
        answer = connection.exchange("GET", f"{TARGET}?name={value}", "Range: bytes=0-0")
        assert answer["content-disposition"] == f'attachment; filename="{name}"'

    @pytest.mark.parametrize(
        "name",
        [
            "Ёлка – «тест».zip",
            "📷.zip",
            "a" + "я" * 117 + ".zip",
            'He said "hi".zip',
            "a%41.zip",
        ],
    )
    def test_that_needs_the_extended_form(self, connection: Connection, name: str) -> None:
        answer = connection.exchange(
            "GET", f"{TARGET}?name={quote(name.removesuffix('.zip'))}", "Range: bytes=0-0"
        )
        fallback, extended = disposition(answer)
        assert extended == name
        # RFC 6266 appendix D: no other characters in the fallback than all recipients read alike
        assert fallback.isascii()
        assert not set(fallback) & set('"\\%;')
        assert fallback.endswith(".zip")

    @pytest.mark.parametrize(
        "value",
        ["..", "...", ".hidden", "%2e%2e", "~", "CON", "a%e2%80%aegpj", "%zz"],
    )
    def test_that_could_harm_is_made_harmless(self, connection: Connection, value: str) -> None:
        answer = connection.exchange("GET", f"{TARGET}?name={value}", "Range: bytes=0-0")
        assert answer.status == 206
        for name in disposition(answer):
            assert not name.startswith(".")
            assert not set(name) & set("/\\\u202e\0\r\n")

    @pytest.mark.parametrize(
        "query",
        [
            "name=",
            "name",
            "name=%20",
            "name=+%09+",
            "name=a%2Fb",
            "name=%2Fetc%2Fpasswd",
            "name=..%2Fa",
            "name=a/b",
            "name=a%5Cb",
            "name=a%00b",
            "name=a%0Ab",
            "name=a%0D%0ASet-Cookie:%20a=b",
            "name=a%09b",
            "name=a%1Bb",
            "name=a%7Fb",
            "name=a%C2%85b",
            "name=%ff",
            "name=%ed%a0%80",
            "name=caf%E9.zip",
            "name=" + "a" * (LONGEST_NAME + 1),
            "name=" + quote("я" * (LONGEST_NAME + 1)),
            "name=a&name=b",
            "name=a&name=a",
            "name=a&file=1.jpg&name=",
        ],
    )
    @pytest.mark.parametrize("target", [TARGET, MANIFEST])
    def test_that_cannot_be_used(self, connection: Connection, target: str, query: str) -> None:
        assert_failed(connection, f"{target}?{query}", 400, "bad_name")

    def test_changes_nothing_of_the_archive(self, connection: Connection) -> None:
        plain = connection.exchange("GET", TARGET)
        named = connection.exchange("GET", f"{TARGET}?name=Holiday")
        assert named.content == plain.content
        assert named["etag"] == plain["etag"]

    def test_that_cannot_be_used_is_told_of_an_album_that_exists_or_not(
        self, connection: Connection
    ) -> None:
        answers = [connection.exchange("GET", f"/archive/{name}/?name=") for name in (HASH, "none")]
        assert answers[0].content == answers[1].content


def disposition(answer: Response) -> tuple[str, str]:
    """Return the file names of `filename` and `filename*`, which may be the same (RFC 6266)."""
    value = answer["content-disposition"]
    assert value.isascii()
    assert value.isprintable()
    match = re.fullmatch(
        r"""attachment; filename="([^"\\]*)"(?:; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]+))?""",
        value,
    )
    assert match, value
    return match[1], match[1] if match[2] is None else unquote(match[2], errors="strict")


class TestFile:
    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("file=1.jpg", ["1.jpg"]),
            ("file=1.jpg&file=2.jpg", ["1.jpg", "2.jpg"]),
            ("file=2.jpg&file=1.jpg", ["1.jpg", "2.jpg"]),
            ("file=1.jpg&file=1.jpg", ["1.jpg"]),
            ("file=sub/1.jpg", ["sub/1.jpg"]),
            ("file=sub%2F1.jpg", ["sub/1.jpg"]),
            ("file=sub/", ["sub/1.jpg", "sub/deeper/2.jpg"]),
            ("file=sub/deeper/", ["sub/deeper/2.jpg"]),
            ("file=sub/&file=sub/1.jpg&file=1.jpg", ["1.jpg", "sub/1.jpg", "sub/deeper/2.jpg"]),
            ("file=none/", ["none/"]),
            ("file=a+b%2Bc.jpg", ["a b+c.jpg"]),
            ("file=a%20b%2bc.jpg", ["a b+c.jpg"]),
            ("file=100%25.jpg", ["100%.jpg"]),
            ("file=%2531.jpg", ["%31.jpg"]),
            ("file=%31.jpg", ["1.jpg"]),
            ("file=a%26b%3Dc%3Bd%23e.jpg", ["a&b=c;d#e.jpg"]),
            ("file=" + quote("Отпуск.jpg"), ["Отпуск.jpg"]),
            # the name in the archive, and the one before it was made portable
            (f"file={RENAMED}", [RENAMED]),
            ("file=a%3Ab%3F.jpg", [RENAMED]),
            (f"file=a%3Ab%3F.jpg&file={RENAMED}", [RENAMED]),
            ("file=" + quote("Фото.jpg"), ["Фото.jpg"]),
            ("file=" + quote("кафе\u0301.jpg"), ["кафе\u0301.jpg"]),
            # others are ignored
            ("file=1.jpg&utm_source=mail&files=2.jpg&File=2.jpg", ["1.jpg"]),
        ],
    )
    def test_takes_a_subset(self, connection: Connection, query: str, names: Sequence[str]) -> None:
        answer = connection.exchange("GET", f"{TARGET}?{query}")
        assert answer.status == 200
        with ZipFile(BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == names

    @pytest.mark.parametrize("query", ["file=1.jpg", "file=sub/&file=2.jpg", "file=none/"])
    def test_manifest_is_that_of_the_subset(self, connection: Connection, query: str) -> None:
        archive = connection.exchange("GET", f"{TARGET}?{query}")
        manifest = json.loads(connection.exchange("GET", f"{MANIFEST}?{query}").content)
        assert manifest["size"] == len(archive.content)
        assert manifest["etag"] == archive["etag"]
        with ZipFile(BytesIO(archive.content)) as found:
            files = [name for name in found.namelist() if not name.endswith("/")]
        assert [file["name"] for file in manifest["files"]] == files

    @pytest.mark.parametrize(
        "query",
        [
            "file=3.jpg",
            "file=1.jpg&file=3.jpg",
            "file=1.jp",
            "file=%00",
            "file=" + quote(OLD_NAME),
            "file=+1.jpg",
            "file=sub",
            "file=su/",
            "file=none",
            f"file=../{HASH}/1.jpg",
            "file=.hidden.jpg",
            "file=Thumbs.db",
        ],
    )
    @pytest.mark.parametrize("target", [TARGET, MANIFEST])
    def test_that_is_not_in_the_album(
        self, connection: Connection, target: str, query: str
    ) -> None:
        assert_failed(connection, f"{target}?{query}", 404, "file_not_found")

    @pytest.mark.parametrize("query", ["file=", "file", "file=1.jpg&file=", "file=&file=1.jpg"])
    @pytest.mark.parametrize("target", [TARGET, MANIFEST])
    def test_that_is_empty(self, connection: Connection, target: str, query: str) -> None:
        assert_failed(connection, f"{target}?{query}", 400, "bad_file")

    @pytest.mark.parametrize("spoilt", ["&amp;", "&amp;amp;", "&AMP;", "&amp%3B"])
    def test_link_whose_ampersands_were_escaped(self, connection: Connection, spoilt: str) -> None:
        query = f"file=1.jpg{spoilt}file=2.jpg{spoilt}name=Holiday{spoilt}utm_source=mail"
        answer = connection.exchange("GET", f"{TARGET}?{query}")
        with ZipFile(BytesIO(answer.content)) as archive:
            assert archive.namelist() == ["1.jpg", "2.jpg"]
        assert 'filename="Holiday.zip"' in answer["content-disposition"]

    @pytest.mark.parametrize("target", [TARGET, MANIFEST])
    @pytest.mark.parametrize("query", ["name=Tom&amp;Jerry", "file=1.jpg&amp;2.jpg"])
    def test_escaped_ampersand_that_may_be_a_part_of_a_value(
        self, connection: Connection, target: str, query: str
    ) -> None:
        assert_failed(connection, f"{target}?{query}", 400, "bad_ampersand")

    def test_of_no_album(self, connection: Connection) -> None:
        assert_failed(connection, "/archive/none/?file=1.jpg", 404, "archive_not_found")

    def test_subset_is_an_archive_of_its_own(self, connection: Connection) -> None:
        queries = ["", "?file=1.jpg", "?file=2.jpg", "?file=1.jpg&file=2.jpg", "?file=sub/"]
        answers = [connection.exchange("HEAD", TARGET + query) for query in queries]
        assert len({answer["etag"] for answer in answers}) == len(queries)
        assert len({answer["content-length"] for answer in answers}) == len(queries)

    @pytest.mark.parametrize("query", ["file=1.jpg&file=2.jpg", "file=2.jpg&file=1.jpg&file=2.jpg"])
    def test_order_and_repetition_do_not_matter(self, connection: Connection, query: str) -> None:
        expected = connection.exchange("GET", f"{TARGET}?file=1.jpg&file=2.jpg")
        answer = connection.exchange("GET", f"{TARGET}?{query}")
        assert answer.content == expected.content
        assert answer["etag"] == expected["etag"]

    def test_subset_is_not_resumed_as_the_whole(self, connection: Connection) -> None:
        etag = connection.exchange("HEAD", TARGET)["etag"]
        answer = connection.exchange(
            "GET", f"{TARGET}?file=1.jpg", "Range: bytes=100-", f"If-Range: {etag}"
        )
        assert answer.status == 200


@pytest.mark.parametrize(
    "query", ["", "a=b", "utm_source=mail", "x=%zz", "%00", "&&&", "=", "names=", "v=1;name=", "?"]
)
def test_other_parameters_are_ignored(connection: Connection, query: str) -> None:
    plain = connection.exchange("HEAD", TARGET)
    answer = connection.exchange("HEAD", f"{TARGET}?{query}")
    for name in ("etag", "content-length", "content-disposition"):
        assert answer[name] == plain[name]


def assert_failed(connection: Connection, target: str, status: int, error: str) -> None:
    answer = connection.exchange("GET", target, JSON)
    assert (answer.status, json.loads(answer.content)["error"]) == (status, error)
