"""Chromium: downloads paused and interrupted, and the index page on a phone and on a desktop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.chromium import Chromium, started_chromium, visiting
from harness.http import get
from harness.server import Server

TARGET = f"/archive/{HASH}/"
NAME = "archive.zip"
FILES = {"1.jpg": noise(2_000_000), "2.jpg": noise(6_000_000), "notes/3.txt": b"three"}
PIECE_BYTES = 256 * 1024
ONE_PIECE_ONLY = ("--debug", "--delay", "60", "--level", "debug")
UNHURRIED = ("--debug", "--delay", "0.1")


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
    server = serve(*ONE_PIECE_ONLY)
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


def test_album_that_changed_meanwhile_is_downloaded_anew(
    chromium: Chromium, serve: Serve, album: Path
) -> None:
    """RFC 9110 section 13.1.5: If-Range keeps two archives from being spliced."""
    port = interrupted(chromium, serve)
    (album / "1.jpg").write_bytes(noise(2_000_000, seed=1))
    second = serve("--port", str(port))
    chromium.click("Resume")
    second.wait_for(r"event=download\.started .*status=200 first_pos=0 ")
    assert chromium.finished(NAME) == get(port, TARGET).content


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


def test_index_page_says_that_an_archive_is_missing(serve: Serve, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{serve().port}/"
    with visiting(tmp_path, url, width=360, locale="en-US") as (page, _):
        page.fill("#hash", HASH)
        page.press("#hash", "Enter")
        shown = page.locator("#result .bad").inner_text()
    assert shown == "The archive does not exist or has been removed"
