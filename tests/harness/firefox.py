"""A headless Firefox, driven over WebDriver BiDi, whose downloads are operated as a person would.

Debian's Firefox speaks the protocol itself.  Playwright drives only a Firefox of its own make.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from harness.conditions import eventually
from harness.readers import need
from harness.server import environment

TIMEOUT_S = 120.0
_PREFERENCES = {
    "browser.download.folderList": 2,
    "browser.download.useDownloadDir": True,
    "browser.download.always_ask_before_handling_new_types": False,
    "browser.shell.checkDefaultBrowser": False,
    "network.dns.localDomains": "example.org",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}
_THE_DOWNLOAD = """
    const {Downloads} = ChromeUtils.importESModule("resource://gre/modules/Downloads.sys.mjs");
    const list = await Downloads.getList(Downloads.ALL);
    const [download] = await list.getAll();
"""

_Result = TypeVar("_Result")


class Firefox:
    """One browser with one profile and one page; events are collected as they come."""

    def __init__(self, address: str, downloads: Path) -> None:
        self.downloads = downloads
        self.events: list[dict[str, Any]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._run(self._connect(address))
        self.call("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        self.call("session.subscribe", events=["log", "network.beforeRequestSent"])
        self._page = self._context_of()
        self._browser = self._context_of(**{"moz:scope": "chrome"})

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Run a command of the protocol; return its result."""
        answer = self._run(self._ask(method, parameters))
        assert answer["type"] == "success", answer
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, url: str) -> None:
        """Open a page in the one tab, and wait for it to be complete."""
        self.call("browsingContext.navigate", context=self._page, url=url, wait="complete")

    def resize(self, width: int) -> None:
        viewport = {"width": width, "height": 800}
        self.call("browsingContext.setViewport", context=self._page, viewport=viewport)

    def evaluate(self, script: str) -> str | bool:
        """Return the value of an expression in the page."""
        return self._evaluate(script, self._page)

    def start_download(self, url: str) -> None:
        """Go where there is no page but a file."""
        with suppress(AssertionError):  # a navigation that becomes a download has failed
            self.open(url)
        self.wait_for(self.download)

    def download(self) -> dict[str, Any] | None:
        """Return what the browser knows of its one download."""
        found = self._of_the_download(
            """return JSON.stringify(download ? {
                path: download.target.path, bytes: download.currentBytes,
                stopped: download.stopped, succeeded: download.succeeded,
                error: download.error && download.error.message} : null)"""
        )
        state: dict[str, Any] | None = json.loads(str(found))
        return state

    def pause(self) -> None:
        self._of_the_download("await download.cancel()")

    def resume(self) -> None:
        # It ends with the download, so it is not waited for.
        self._of_the_download("download.start().catch(() => {})")

    def cancel(self) -> None:
        self._of_the_download("await download.finalize(true)")

    def forget(self) -> None:
        """Have no download any more, nor its file, nor what was asked and said so far."""
        self._of_the_download("if (download) await download.finalize(true)")
        self._of_the_download("if (download) await list.remove(download)")
        for path in self.downloads.iterdir():
            path.unlink()
        self.events.clear()

    def prefer(self, languages: str) -> None:
        """Ask for pages in these languages from now on."""
        name = json.dumps("intl.accept_languages")
        script = f"Services.prefs.setStringPref({name}, {json.dumps(languages)})"
        self._evaluate(script, self._browser)

    def finished(self, name: str) -> bytes:
        """Wait for the one download to be complete under a name; return its bytes."""
        self.wait_for(lambda: (self.download() or {}).get("succeeded"))
        assert [path.name for path in self.downloads.iterdir()] == [name]
        return (self.downloads / name).read_bytes()

    def wait_for(self, look: Callable[[], _Result]) -> _Result:
        return eventually(look, within_s=TIMEOUT_S)

    def close(self) -> None:
        self._run(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop.close()

    def _context_of(self, **scope: str) -> str:
        tree = self.call("browsingContext.getTree", **scope)
        return str(tree["contexts"][0]["context"])

    def _of_the_download(self, script: str) -> str | bool:
        return self._evaluate(f"(async () => {{{_THE_DOWNLOAD} {script} }})()", self._browser)

    def _evaluate(self, script: str, context: str) -> str | bool:
        done = self.call(
            "script.evaluate", expression=script, target={"context": context}, awaitPromise=True
        )
        assert done["type"] == "success", done
        value: str | bool = done["result"].get("value", "")
        return value

    def _run(self, task: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(task, self._loop).result(TIMEOUT_S)

    async def _connect(self, address: str) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(f"{address}/session", max_msg_size=0)
        self._reading = asyncio.ensure_future(self._read())

    async def _disconnect(self) -> None:
        self._reading.cancel()
        await self._socket.close()
        await self._session.close()

    async def _read(self) -> None:
        async for message in self._socket:
            told = message.json()
            if (number := told.get("id")) is None:
                self.events.append(told)
            else:
                self._answers.pop(number).set_result(told)

    async def _ask(self, method: str, parameters: dict[str, object]) -> dict[str, Any]:
        number = max(self._answers, default=0) + 1
        answer = self._answers[number] = self._loop.create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await answer


@contextmanager
def started_firefox(directory: Path) -> Iterator[Firefox]:
    """Run a browser that keeps its profile and its downloads in a directory."""
    need("firefox-esr")
    profile, downloads = directory / "profile", directory / "downloads"
    profile.mkdir()
    downloads.mkdir()
    preferences = {**_PREFERENCES, "browser.download.dir": str(downloads)}
    (profile / "user.js").write_text(
        "".join(f"user_pref({json.dumps([*pair])[1:-1]});\n" for pair in preferences.items())
    )
    log = directory / "firefox.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *("firefox-esr", "--headless", "--no-remote", "--profile", str(profile)),
                *("--remote-debugging-port", "0", "--remote-allow-system-access", "about:blank"),
            ],
            env=environment({"HOME": str(directory)}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        pattern = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
        listening = eventually(lambda: pattern.search(log.read_text()), within_s=TIMEOUT_S)
        assert listening
        with closing(Firefox(listening[1], downloads)) as firefox:
            yield firefox
    finally:
        process.kill()
        process.wait(TIMEOUT_S)
