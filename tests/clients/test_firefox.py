"""Firefox: downloads paused, cancelled and interrupted, and what its pages ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from conftest import Serve
from harness.albums import HASH, let_date_begin, make_album, noise
from harness.firefox import Firefox, started_firefox
from harness.http import get
from harness.ports import free_port
from harness.server import Server

TARGET = f"/archive/{HASH}/?name={quote('Лето & море')}"
NAME = "Лето & море.zip"
FILES = {"1.jpg": noise(2_000_000), "2.jpg": noise(6_000_000), "notes/3.txt": b"three"}
PIECE_BYTES = 256 * 1024
UNHURRIED = ("--debug", "--delay", "0.1", "--level", "debug")


pytestmark = pytest.mark.xdist_group("firefox")  # which takes longest to start


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with started_firefox(tmp_path_factory.mktemp("firefox")) as firefox:
        yield firefox


@pytest.fixture
def firefox(browser: Firefox) -> Iterator[Firefox]:
    """The one browser, as if it were new."""
    yield browser
    browser.forget()


@pytest.fixture(autouse=True)
def album(photos_dir: Path) -> Path:
    """An album whose Last-Modified stays as it is."""
    return let_date_begin(make_album(photos_dir, FILES))


def url_of(server: Server, target: str = TARGET) -> str:
    return f"http://127.0.0.1:{server.port}{target}"


def begun(firefox: Firefox, serve: Serve, *flags: str) -> Server:
    """Begin a download that takes seconds; return when some of it has come."""
    server = serve(*UNHURRIED, *flags)
    firefox.start_download(url_of(server))
    firefox.wait_for(lambda: (firefox.download() or {})["bytes"] > PIECE_BYTES)
    firefox.wait_for(lambda: kept_bytes(firefox) > PIECE_BYTES)  # it goes on behind these
    return server


def kept_bytes(firefox: Firefox) -> int:
    """Return how many bytes of the download are on the disk."""
    return sum(path.stat().st_size for path in firefox.downloads.glob("*.part"))


def interrupted(firefox: Firefox, serve: Serve, *flags: str) -> int:
    """Begin a download from a server that dies in the middle; return its port."""
    server = begun(firefox, serve, "--port", f"{free_port()}", *flags)
    server.process.kill()
    server.process.wait()
    firefox.wait_for(lambda: (firefox.download() or {})["stopped"])
    return server.port


def test_paused_download_goes_on_when_it_is_resumed(firefox: Firefox, serve: Serve) -> None:
    server = begun(firefox, serve)
    firefox.pause()
    firefox.wait_for(lambda: (firefox.download() or {})["stopped"])
    server.wait_for("event=download.interrupted .*client left")
    firefox.resume()
    server.wait_for("event=download.resumed .*status=206")
    assert firefox.finished(NAME) == get(serve().port, TARGET).content


def test_interrupted_download_is_resumed_by_the_next_process(
    firefox: Firefox, serve: Serve
) -> None:
    second = serve("--port", f"{interrupted(firefox, serve)}")
    firefox.resume()
    second.wait_for(r"event=download\.resumed .*status=206 first_pos=[1-9]")
    assert firefox.finished(NAME) == get(second.port, TARGET).content


@pytest.mark.parametrize("longer_bytes", [0, 1000])
def test_album_that_changed_meanwhile_is_downloaded_anew(
    firefox: Firefox, serve: Serve, album: Path, longer_bytes: int
) -> None:
    port = interrupted(firefox, serve)
    (album / "1.jpg").write_bytes(noise(len(FILES["1.jpg"]) + longer_bytes, seed=1))
    second = serve("--port", f"{port}")
    firefox.resume()
    firefox.wait_for(lambda: "ENTITY_CHANGED" in ((firefox.download() or {})["error"] or ""))
    firefox.resume()
    second.wait_for(r"event=download\.started .*status=200 first_pos=0 ")
    assert firefox.finished(NAME) == get(second.port, TARGET).content


def test_files_from_the_future_can_be_resumed(firefox: Firefox, serve: Serve, album: Path) -> None:
    """A camera's clock is wrong: then there is no Last-Modified that stays as it is."""
    os.utime(album / "1.jpg", (4_000_000_000, 4_000_000_000))
    port = interrupted(firefox, serve, "--no-change-token")
    second = serve("--no-change-token", "--port", f"{port}")
    firefox.resume()
    second.wait_for(r"event=download\.resumed .*status=206 first_pos=[1-9]")
    assert firefox.finished(NAME) == get(second.port, TARGET).content


def test_cancelled_download_leaves_nothing(firefox: Firefox, serve: Serve) -> None:
    server = begun(firefox, serve)
    firefox.cancel()
    server.wait_for("event=download.interrupted .*client left")
    assert list(firefox.downloads.iterdir()) == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize(
    ("locale", "figures", "missing"),
    [
        ("ru-RU", "3 файла, 8 МБ", "Архив не существует или был удалён"),
        ("en-US", "3 files, 8 MB", "The archive does not exist or has been removed"),
    ],
    ids=["Russian", "English"],
)
def test_pages_are_in_the_language_asked_for_and_ask_nobody_else(
    width: int, locale: str, figures: str, missing: str, serve: Serve, firefox: Firefox
) -> None:
    server = serve()
    firefox.prefer(locale)
    firefox.resize(width)
    firefox.open(url_of(server, "/"))
    firefox.evaluate(
        f"document.querySelector('#hash').value = {HASH!r};"
        "document.querySelector('form').requestSubmit()"
    )
    shown = "(document.querySelector('#result .figures')?.innerText ?? '')"
    firefox.wait_for(lambda: firefox.evaluate(shown))
    assert firefox.evaluate(f"{shown}.replace(/\\s/g, ' ')") == figures
    assert firefox.evaluate("document.documentElement.scrollWidth <= innerWidth")
    firefox.open(url_of(server, "/archive/missing/"))
    assert firefox.evaluate(f"document.body.innerText.includes({missing!r})")
    asked = [
        event["params"]["request"]["url"]
        for event in firefox.events
        if event["method"] == "network.beforeRequestSent"
    ]
    said = [event for event in firefox.events if event["method"] == "log.entryAdded"]
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
    assert hosts == {f"127.0.0.1:{server.port}"}
    # The console may report the 404 page only.
    assert [entry for entry in said if "404" not in entry["params"]["text"]] == []
