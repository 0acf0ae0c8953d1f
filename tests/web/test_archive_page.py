"""The page about an archive: what it says, what it costs, and who gets it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.http import Response, get, request
from harness.server import Server

from archive_service.archive.signed_link import Link

TARGET = f"/archive/{HASH}/"
PAGE = f"{TARGET}page"
KEY = "key-of-0123456789"
BROWSER = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
RUSSIAN, ENGLISH = "Accept-Language: ru", "Accept-Language: en"
HOSTILE = "\"><script>alert('&')<"


@pytest.fixture(autouse=True)
def album(photos_dir: Path) -> Path:
    return make_album(photos_dir, {"1.jpg": noise(1_200_000), "2.jpg": b"2", "d/3.jpg": b"3"})


def button(page: Response) -> str:
    (link,) = re.findall(r'class="button" href="([^"]+)"', page.content.decode())
    return unescape(link)


@pytest.mark.parametrize(
    ("language", "figures", "title"),
    [
        (RUSSIAN, "3\u00a0файла, 1,2\u00a0МБ", "Архив с фотографиями"),
        (ENGLISH, "3\u00a0files, 1.2\u00a0MB", "An archive of photos"),
    ],
)
def test_page_says_what_there_is_in_both_languages(
    serve: Serve, language: str, figures: str, title: str
) -> None:
    server = serve()
    text = get(server.port, PAGE, language).content.decode()
    assert figures in text
    assert f"<title>{title}</title>" in text
    named = get(server.port, f"{PAGE}?name={quote('Лето & море')}", language).content.decode()
    assert "<h1>Лето &amp; море</h1>" in named


def test_messengers_are_told_title_and_size(serve: Serve) -> None:
    answer = get(serve().port, f"{PAGE}?name=Summer", ENGLISH)
    told = dict(
        re.findall(r'<meta property="(og:\w+)" content="([^"]*)">', answer.content.decode())
    )
    assert told["og:title"] == "Summer"
    assert told["og:description"] == "Zip archive: 3\u00a0files, 1.2\u00a0MB"
    assert answer["x-robots-tag"] == "noindex"
    assert answer["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("query", ["", "?name=Summer", "?file=1.jpg&file=d/&name=A%26B"])
def test_button_leads_to_the_archive(serve: Serve, query: str) -> None:
    server = serve()
    page = get(server.port, PAGE + query)
    assert get(server.port, button(page)).content == get(server.port, TARGET + query).content


def test_page_of_a_subset_is_about_the_subset(serve: Serve) -> None:
    text = get(serve().port, f"{PAGE}?file=d/", ENGLISH).content.decode()
    assert "1\u00a0file, 1" in text


def test_page_costs_no_download(serve: Serve) -> None:
    server = serve("--level", "debug", "--max-downloads", "1")
    assert get(server.port, PAGE).status == 200
    assert request(server.port, "HEAD", PAGE).status == 200
    assert get(server.port, TARGET).status == 200
    server.wait_for("event=download.finished")
    events = [found[1] for line in server.lines if (found := re.search(r"event=(\S+)", line))]
    assert events.count("download.started") == 1


def test_name_cannot_add_to_the_page(serve: Serve, photos_dir: Path) -> None:
    make_album(photos_dir, {'<b>&".jpg': b"1"}, "hostile")
    server = serve("--page-files", "--no-portable-names")
    name = quote(HOSTILE.replace("/", ""))
    text = get(server.port, f"/archive/hostile/page?name={name}").content.decode()
    assert "<script>alert" not in text
    assert "<b>" not in text


def test_files_are_listed_only_where_that_is_wanted(serve: Serve) -> None:
    assert "1.jpg" not in get(serve().port, PAGE).content.decode()
    text = get(serve("--page-files").port, PAGE).content.decode()
    assert re.findall(r"<li>(.*)</li>", text) == ["1.jpg", "2.jpg", "d/3.jpg"]


@pytest.mark.parametrize(
    ("target", "status"),
    [("/archive/none/page", 404), (f"{PAGE}?file=none", 404), (f"{PAGE}?name=a/b", 400)],
)
def test_failures_are_those_of_the_link(serve: Serve, target: str, status: int) -> None:
    assert get(serve().port, target).status == status


def test_album_without_files_has_no_button(serve: Serve, photos_dir: Path) -> None:
    make_album(photos_dir, {}, "empty")
    answer = get(serve().port, "/archive/empty/page", RUSSIAN)
    assert answer.status == 404
    assert "В архиве пока нет файлов" in answer.content.decode()


class TestSignedLinks:
    @pytest.fixture
    def server(self, serve: Serve) -> Server:
        return serve(variables={"SIGNING_KEYS": KEY})

    @staticmethod
    def link(life_s: int = 3600, files: Sequence[str] = ()) -> str:
        return Link(HASH, int(time.time()) + life_s, ["Лето"], files).signed(KEY.encode())

    def test_signature_of_the_link_is_good_for_the_page(self, server: Server) -> None:
        link = self.link(files=["1.jpg"])
        page = get(server.port, link.replace("/?", "/page?"))
        assert page.status == 200
        assert get(server.port, button(page)).content == get(server.port, link).content

    def test_without_it_there_is_none(self, server: Server) -> None:
        assert get(server.port, PAGE).status == 403
        assert get(server.port, "/archive/none/page").status == 403
        expired = self.link(life_s=-60).replace("/?", "/page?")
        assert get(server.port, expired).status == 410


class TestPagesForBrowsers:
    @pytest.fixture
    def server(self, serve: Serve) -> Server:
        return serve("--archive-pages", "browsers")

    def test_browser_sees_the_page_first_and_its_button_downloads(self, server: Server) -> None:
        page = get(server.port, f"{TARGET}?name=Summer", BROWSER, ENGLISH)
        assert "<h1>Summer</h1>" in page.content.decode()
        answer = get(server.port, button(page), BROWSER)
        assert answer["content-type"] == "application/zip"

    @pytest.mark.parametrize(
        "fields",
        [(), ("Accept: */*",), (BROWSER, "Range: bytes=0-9"), ("Accept: application/zip",)],
    )
    def test_program_gets_the_archive(self, server: Server, fields: tuple[str, ...]) -> None:
        assert get(server.port, TARGET, *fields)["content-type"] == "application/zip"

    def test_otherwise_a_browser_gets_the_archive_at_once(self, serve: Serve) -> None:
        assert get(serve().port, TARGET, BROWSER)["content-type"] == "application/zip"
