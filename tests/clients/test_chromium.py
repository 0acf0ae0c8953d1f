"""Chromium: downloads paused and interrupted, and the index page on a phone and on a desktop."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.chromium import Chromium, started_chromium, visiting
from harness.conditions import eventually
from harness.http import get
from harness.ports import free_port
from harness.server import Server

from archive_service.archive.signed_link import Link

TARGET = f"/archive/{HASH}/"
NAME = "archive.zip"
FILES = {"1.jpg": noise(2_000_000), "2.jpg": noise(6_000_000), "notes/3.txt": b"three"}
A_SUMMARY_BYTES = 500
PIECE_BYTES = 256 * 1024
ONE_PIECE_ONLY = ("--debug", "--delay", "60", "--level", "debug")
UNHURRIED = ("--debug", "--delay", "0.1")
SIGNING_KEY = "key-of-0123456789"
SIGNED_ONLY = {"SIGNING_KEYS": SIGNING_KEY}
SHORT_LIFE_S = 12
"""Long enough for the first piece of a download to come."""


@pytest.fixture
def album(photos_dir: Path) -> Path:
    return make_album(photos_dir, FILES)


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Chromium]:
    with started_chromium(tmp_path) as chromium:
        yield chromium


def url_of(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}{TARGET}"


def interrupted(chromium: Chromium, serve: Serve) -> int:
    """Begin a download from a server that dies after the first piece; return its port."""
    server = serve(*ONE_PIECE_ONLY, "--port", f"{free_port()}")
    chromium.start_download(url_of(server))
    server.wait_for(rf"event=download\.piece .*sent_bytes={PIECE_BYTES} ")
    chromium.wait_for(lambda: chromium.received_bytes == PIECE_BYTES)
    server.process.kill()
    server.process.wait()
    chromium.wait_for(lambda: "Failed" in chromium.description())
    return server.port


@pytest.mark.usefixtures("album")
def test_paused_download_goes_on_when_it_is_resumed(chromium: Chromium, serve: Serve) -> None:
    server = serve(*UNHURRIED)
    chromium.start_download(url_of(server))
    chromium.wait_for(lambda: chromium.received_bytes)
    chromium.click("Pause")
    chromium.wait_for(lambda: "Paused" in chromium.description())
    assert not (chromium.downloads / NAME).exists()
    chromium.click("Resume")
    assert chromium.finished(NAME) == get(serve().port, TARGET).content


@pytest.mark.usefixtures("album")
def test_interrupted_download_is_resumed_by_the_next_process(
    chromium: Chromium, serve: Serve
) -> None:
    port = interrupted(chromium, serve)
    second = serve("--port", str(port))
    chromium.click("Resume")
    second.wait_for(rf"event=download\.resumed .*status=206 first_pos={PIECE_BYTES} ")
    assert chromium.finished(NAME) == get(port, TARGET).content


@pytest.mark.parametrize("longer_bytes", [0, 1000])
def test_album_that_changed_meanwhile_is_downloaded_anew(
    chromium: Chromium, serve: Serve, album: Path, longer_bytes: int
) -> None:
    """RFC 9110 section 13.1.5: If-Range keeps two archives from being spliced."""
    port = interrupted(chromium, serve)
    (album / "1.jpg").write_bytes(noise(len(FILES["1.jpg"]) + longer_bytes, seed=1))
    second = serve("--port", str(port))
    chromium.click("Resume")
    second.wait_for(r"event=download\.started .*status=200 first_pos=0 ")
    assert chromium.finished(NAME) == get(port, TARGET).content


@pytest.mark.usefixtures("album")
def test_download_begun_before_its_link_expired_is_resumed(
    chromium: Chromium, serve: Serve
) -> None:
    first = serve(*ONE_PIECE_ONLY, "--port", f"{free_port()}", variables=SIGNED_ONLY)
    link = signed(life_s=SHORT_LIFE_S)
    chromium.start_download(f"http://127.0.0.1:{first.port}{link}")
    chromium.wait_for(lambda: chromium.received_bytes == PIECE_BYTES)
    first.process.kill()
    first.process.wait()
    chromium.wait_for(lambda: "Failed" in chromium.description())
    second = serve("--port", str(first.port), variables=SIGNED_ONLY)
    eventually(lambda: get(second.port, link).status == 410, within_s=2 * SHORT_LIFE_S)
    chromium.click("Resume")
    second.wait_for(rf"event=download\.resumed .*status=206 first_pos={PIECE_BYTES} ")
    assert chromium.finished(NAME) == get(second.port, signed(life_s=60)).content


def signed(*, life_s: int, names: tuple[str, ...] = ()) -> str:
    return Link(HASH, int(time.time()) + life_s, names).signed(SIGNING_KEY.encode())


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize(
    ("locale", "figures"), [("ru-RU", "3 файла, 8 МБ"), ("en-US", "3 files, 8 MB")]
)
def test_index_page_shows_size_and_count_and_downloads(
    width: int, locale: str, figures: str, serve: Serve, tmp_path: Path
) -> None:
    server = serve()
    with visiting(
        tmp_path, f"http://127.0.0.1:{server.port}/", width=width, locale=locale
    ) as visit:
        page, complaints = visit
        page.fill("#hash", HASH)
        page.press("#hash", "Enter")
        shown = page.locator("#result .figures").inner_text()
        assert re.sub(r"\s", " ", shown) == figures
        with page.expect_download() as started:
            page.locator("#result a").click()
        assert started.value.suggested_filename == NAME
        content = Path(started.value.path()).read_bytes()
        overflow = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert content == get(server.port, TARGET).content
    assert not overflow
    assert complaints == []


def test_index_page_asks_for_no_list_of_files(
    photos_dir: Path, serve: Serve, tmp_path: Path
) -> None:
    make_album(photos_dir, {f"{number:04}.jpg": b"x" for number in range(3000)})
    url = f"http://127.0.0.1:{serve().port}/"
    with visiting(tmp_path, url, width=360, locale="en-US") as (page, _):
        page.fill("#hash", HASH)
        with page.expect_response(re.compile("manifest")) as answered:
            page.press("#hash", "Enter")
        assert page.locator("#result .figures").inner_text().startswith("3,000")
        assert len(answered.value.body()) < A_SUMMARY_BYTES


def test_index_page_says_that_an_archive_is_missing(serve: Serve, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{serve().port}/"
    with visiting(tmp_path, url, width=360, locale="en-US") as (page, _):
        page.fill("#hash", HASH)
        page.press("#hash", "Enter")
        shown = page.locator("#result .bad").inner_text()
    assert shown == "The archive does not exist or has been removed"


@pytest.mark.usefixtures("album")
def test_index_page_takes_a_hash_as_it_was_copied(serve: Serve, tmp_path: Path) -> None:
    base = f"http://127.0.0.1:{serve().port}"
    with visiting(tmp_path, f"{base}/", width=1280, locale="en-US") as (page, _):
        for text in (
            f" {HASH}\n",
            f"{HASH}/",
            f"/{HASH}/",
            f"archive/{HASH}/",
            f"{base}/archive/{HASH}",
        ):
            page.fill("#hash", "")
            page.press("#hash", "Enter")
            page.locator("#result .bad").wait_for()
            page.fill("#hash", text)
            page.press("#hash", "Enter")
            figures = page.locator("#result .figures")
            assert re.sub(r"\s", " ", figures.inner_text()) == "3 files, 8 MB", text


@pytest.mark.usefixtures("album")
def test_index_page_shows_what_a_pasted_link_holds(serve: Serve, tmp_path: Path) -> None:
    server = serve(variables=SIGNED_ONLY)
    base = f"http://127.0.0.1:{server.port}"
    refusals = {
        HASH: "This link is not valid",
        f"{base}{signed(life_s=60)}0": "This link is not valid",
        f"{base}{signed(life_s=-60)}": "This link has expired",
    }
    with visiting(tmp_path, f"{base}/", width=1280, locale="en-US") as (page, _):

        def shown(text: str, kind: str) -> str:
            page.fill("#hash", text)
            page.press("#hash", "Enter")
            page.locator("#result .muted").wait_for(state="detached")
            return str(page.locator(f"#result .{kind}").inner_text())

        link = f"https://example.org{signed(life_s=3600, names=('Лето & море',))}"
        assert re.sub(r"\s", " ", shown(f"  {link}\n", "figures")) == "3 files, 8 MB"
        with page.expect_download() as started:
            page.locator("#result a").click()
        assert started.value.suggested_filename == "Лето & море.zip"
        for text, refusal in refusals.items():
            assert shown(text, "bad") == refusal


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize(
    ("locale", "figures"), [("ru-RU", "3 файла, 8,0 МБ"), ("en-US", "3 files, 8.0 MB")]
)
def test_page_about_an_archive_fits_and_downloads(
    width: int, locale: str, figures: str, serve: Serve, tmp_path: Path
) -> None:
    server = serve("--page-files", variables=SIGNED_ONLY)
    link = signed(life_s=3600, names=("Щ" * 150,)).replace("/?", "/page?")
    url = f"http://127.0.0.1:{server.port}{link}"
    with visiting(tmp_path, url, width=width, locale=locale) as (page, complaints):
        assert re.sub(r"\s", " ", page.locator(".figures").inner_text()) == figures
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        with page.expect_download() as started:
            page.locator(".button").click()
        content = Path(started.value.path()).read_bytes()
    assert content == get(server.port, link.replace("/page?", "/?")).content
    assert complaints == []
