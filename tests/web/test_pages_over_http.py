"""The pages as a visitor's browser, or program, gets them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from harness.albums import HASH, make_album
from harness.http import Connection, Response, connected
from harness.server import REPOSITORY, Server, serving

from archive_service.web.pages.failure_messages import FAILURES
from archive_service.web.pages.page_messages import INDEX

TARGET = f"/archive/{HASH}/"
HTML, JSON = "text/html; charset=utf-8", "application/json; charset=utf-8"
OTHER_HASH = "fedcba9876543210fedcba9876543210"
FAILED = {
    "archive_not_found": (404, "/archive/no-such-album/", ()),
    "file_not_found": (404, f"{TARGET}?file=no-such-file.jpg", ()),
    "bad_name": (400, f"{TARGET}?name=no%2Fgood%2Fname", ()),
    "bad_file": (400, f"{TARGET}?file=", ()),
    "precondition_failed": (412, TARGET, ('If-Match: "no-such-tag"',)),
    "range_not_satisfiable": (416, TARGET, ("Range: bytes=-0",)),
    "unpackable": (503, "/archive/too-deep/", ()),
    "speculative": (503, TARGET, ("Sec-Purpose: prefetch",)),
    "not_found": (404, "/no-such-page", ()),
}
OF_THE_REQUEST = ("no-such", "no/good", "no%2Fgood", HASH, HASH[:6], "too-deep", "99999999")


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos")
    make_album(path, {"1.jpg": b"one"})
    make_album(path, {"2.jpg": b"two"}, OTHER_HASH)
    make_album(path, {"d/" * 70: b""}, "too-deep")
    return path


@pytest.fixture(scope="module")
def server(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(photos_dir, tmp_path_factory.mktemp("cache")) as server:
        yield server


def failed(connection: Connection, key: str, *field_lines: str) -> Response:
    status, target, own_field_lines = FAILED[key]
    answer = connection.exchange("GET", target, *own_field_lines, *field_lines)
    assert answer.status == status
    return answer


def text(answer: Response) -> str:
    """Return what a page says, without its style."""
    page = re.sub(r"<(style|script).*?</\1>", "", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(page))


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("key", FAILED)
class TestFailure:
    def test_is_a_page_in_the_visitors_language(
        self, connection: Connection, key: str, language: str
    ) -> None:
        answer = failed(connection, key, f"Accept-Language: {language}", "Accept: text/html")
        assert answer["content-type"] == HTML
        assert answer["content-language"] == language
        assert f'<html lang="{language}">' in answer.content.decode()
        assert FAILURES[language][key].title in text(answer)
        assert FAILURES[language][key].hint in text(answer)

    def test_is_json_for_a_program(self, connection: Connection, key: str, language: str) -> None:
        answer = failed(connection, key, f"Accept-Language: {language}", "Accept: application/json")
        assert answer["content-type"] == JSON
        assert json.loads(answer.content) == {
            "status": answer.status,
            "error": key,
            "message": FAILURES[language][key].title,
        }

    @pytest.mark.parametrize("accept", ["text/html", "application/json"])
    def test_tells_nothing_of_the_request_and_the_system(
        self, connection: Connection, photos_dir: Path, key: str, language: str, accept: str
    ) -> None:
        answer = failed(connection, key, f"Accept-Language: {language}", f"Accept: {accept}")
        content = answer.content.decode()
        for hidden in (*OF_THE_REQUEST, str(photos_dir), str(REPOSITORY), "/tmp", "/home"):
            assert hidden not in content
        assert not re.search(r"Traceback|[A-Z]\w+Error|Exception|errno|aiohttp|[Pp]ython", content)


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [  # RFC 9110 section 12.5.4; the first language is the default
        ((), "ru"),
        (("en-GB,en;q=0.9,ru;q=0.8",), "en"),
        (("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7",), "ru"),
        (("de, fr",), "ru"),
        (("",), "ru"),
        ((";;;,q=",), "ru"),
    ],
)
@pytest.mark.parametrize("target", ["/", "/archive/no-such-album/"])
def test_language(
    connection: Connection, target: str, accept_language: tuple[str, ...], language: str
) -> None:
    answer = connection.exchange(
        "GET", target, *(f"Accept-Language: {value}" for value in accept_language)
    )
    assert answer["content-language"] == language


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [  # RFC 9110 section 12.5.1
        ((), HTML),
        (("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",), HTML),
        (("application/json, text/plain, */*",), JSON),
        (("nonsense",), HTML),
    ],
)
def test_form(connection: Connection, accept: tuple[str, ...], content_type: str) -> None:
    answer = failed(connection, "archive_not_found", *(f"Accept: {value}" for value in accept))
    assert answer["content-type"] == content_type


def test_later_is_told_with_what_passes(connection: Connection) -> None:
    # section 10.2.3
    assert int(failed(connection, "speculative")["retry-after"]) > 0
    assert "retry-after" not in failed(connection, "unpackable")


@pytest.mark.parametrize("language", ["ru", "en"])
class TestIndex:
    def test_is_in_the_visitors_language(self, connection: Connection, language: str) -> None:
        answer = connection.exchange("GET", "/", f"Accept-Language: {language}")
        assert (answer.status, answer["content-type"]) == (200, HTML)
        assert f'<html lang="{language}">' in answer.content.decode()
        assert INDEX[language].title in text(answer)

    def test_lists_no_album_of_a_site(
        self, connection: Connection, photos_dir: Path, language: str
    ) -> None:
        page = connection.exchange("GET", "/", f"Accept-Language: {language}").content.decode()
        for album in photos_dir.iterdir():
            assert album.name not in page
        assert str(photos_dir) not in page
        assert INDEX[language].examples_title not in page

    def test_links_to_the_shipped_albums(
        self, tmp_path_factory: pytest.TempPathFactory, language: str
    ) -> None:
        shipped = [path.name for path in (REPOSITORY / "test_photos").iterdir()]
        assert len(shipped) == 2
        with (
            serving(None, tmp_path_factory.mktemp("cache")) as server,
            connected(server.port) as connection,
        ):
            answer = connection.exchange("GET", "/", f"Accept-Language: {language}")
            for album in shipped:
                assert f'href="/archive/{album}/' in answer.content.decode()
                assert connection.exchange("HEAD", f"/archive/{album}/").status == 200

    def test_runs_no_script_but_its_own(self, connection: Connection, language: str) -> None:
        answers = [
            connection.exchange("GET", "/", f"Accept-Language: {language}") for _ in range(2)
        ]
        nonces = [
            re.search(r"script-src 'nonce-([\w-]{16,})'", answer["content-security-policy"])
            for answer in answers
        ]
        assert nonces[0]
        assert nonces[1]
        assert nonces[0][1] != nonces[1][1]
        for answer, nonce in zip(answers, nonces, strict=True):
            scripts = re.findall(r"<(?:script|style)[^>]*>", answer.content.decode())
            assert scripts
            assert all(nonce and f'nonce="{nonce[1]}"' in script for script in scripts)


def test_index_ignores_a_query(connection: Connection) -> None:
    assert connection.exchange("GET", "/?name=a&name=b&file=").status == 200
