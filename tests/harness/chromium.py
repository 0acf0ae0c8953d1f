"""A headless Chromium that downloads, and whose downloads page is operated as a person would."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Error, Locator, Page, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
TIMEOUT_S = 120.0
_LOOK_EVERY_MS = 20.0
_UNDER_WAY, _COMPLETE = 0, 2
"""As the downloads page numbers the states of a download."""

_Result = TypeVar("_Result")


class Chromium:
    """One browser with one profile."""

    def __init__(self, context: BrowserContext, downloads: Path) -> None:
        self.context = context
        self.downloads = downloads
        self.received_bytes = 0
        """Of the download that reported progress last."""
        self._list = context.pages[0]
        # Playwright would keep the files to itself, under names of its own.
        assert context.browser is not None
        session = context.browser.new_browser_cdp_session()
        session.on("Browser.downloadProgress", self._note_progress)
        session.send(
            "Browser.setDownloadBehavior",
            {"behavior": "allow", "downloadPath": str(downloads), "eventsEnabled": True},
        )
        self._list.goto("chrome://downloads/")

    def start_download(self, url: str) -> None:
        page = self.context.new_page()
        with pytest.raises(Error, match="Download is starting"):
            page.goto(url)

    def wait_for(self, look: Callable[[], _Result]) -> _Result:
        """Look again and again, while events come in, until the answer is true."""
        for _ in range(round(TIMEOUT_S * 1000 / _LOOK_EVERY_MS)):
            if found := look():
                return found
            self._list.wait_for_timeout(_LOOK_EVERY_MS)
        raise AssertionError(f"not within {TIMEOUT_S} s; the downloads page: {self.description()}")

    def click(self, label: str) -> None:
        """Click "Pause" or "Resume", as soon as the one download offers it."""
        button = self._item.locator("#pause-or-resume")
        self.wait_for(lambda: button.evaluate("button => button.textContent").strip() == label)
        button.evaluate("button => button.click()")  # it stands in a menu that is closed

    def description(self) -> str:
        """Return what the page says of the one download."""
        return str(
            self._item.evaluate("item => item.shadowRoot.querySelector('#content').innerText")
        )

    def finished(self, name: str) -> bytes:
        """Wait for the one download to be complete under a name; return its bytes."""
        # That a file has the name says nothing: it may be empty while the bytes have another.
        # Events don't help either: after an interruption there are none.
        self.wait_for(lambda: self._state() == _COMPLETE)
        assert [path.name for path in self.downloads.iterdir()] == [name]
        return (self.downloads / name).read_bytes()

    def is_complete(self) -> bool:
        """Wait for the one download to end; return whether it is complete."""
        self.wait_for(lambda: self._state() != _UNDER_WAY)
        return self._state() == _COMPLETE

    def _state(self) -> int:
        return int(self._item.evaluate("item => item.data.state"))

    @property
    def _item(self) -> Locator:
        return self._list.locator("downloads-item").first

    def _note_progress(self, event: dict[str, int]) -> None:
        self.received_bytes = int(event["receivedBytes"])


@contextmanager
def started_chromium(directory: Path, *flags: str) -> Iterator[Chromium]:
    """Run a browser that keeps its profile and its downloads in a directory."""
    downloads = directory / "downloads"
    downloads.mkdir()
    with _launched(directory / "profile", *flags) as context:
        yield Chromium(context, downloads)


@contextmanager
def visiting(
    directory: Path, url: str, *, width: int, locale: str, **options: object
) -> Iterator[tuple[Page, list[str]]]:
    """Open a page; give it with the list of what its console complains of.

    That it asks another host for something is a complaint, too.
    """
    with _launched(
        directory / "profile", viewport={"width": width, "height": 800}, locale=locale, **options
    ) as context:
        page = context.pages[0]
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
        page.on(
            "request", lambda sent: _is_of_the_page(sent.url, url) or complaints.append(sent.url)
        )
        page.goto(url)
        yield page, complaints


def _is_of_the_page(url: str, page_url: str) -> bool:
    return urlsplit(url).netloc in ("", urlsplit(page_url).netloc)


@contextmanager
def _launched(profile: Path, *flags: str, **options: object) -> Iterator[BrowserContext]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=program, args=[*FLAGS, *flags], headless=True, **options
        )
        try:
            yield context
        finally:
            context.close()
