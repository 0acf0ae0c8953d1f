"""Chromium with speculation rules: nothing is downloaded before the click, all of it after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.chromium import visiting
from harness.http import get

TARGET = f"/archive/{HASH}/"
PAGE = """<!doctype html><title>Album</title><a href="{url}">Download</a>
<script type="speculationrules">
{{"{action}": [{{"urls": ["{url}"], "eagerness": "immediate"}}]}}
</script>"""


@contextmanager
def site(directory: Path) -> Iterator[ThreadingHTTPServer]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("action", ["prefetch", "prerender"])
def test_nothing_is_downloaded_before_the_click(
    serve: Serve, photos_dir: Path, tmp_path: Path, action: str
) -> None:
    make_album(photos_dir, {"1.jpg": noise(3_000_000)})
    server = serve("--level", "debug")
    url = f"http://127.0.0.1:{server.port}{TARGET}"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text(PAGE.format(url=url, action=action))
    with (
        site(tmp_path / "site") as front,
        visiting(
            tmp_path, f"http://127.0.0.1:{front.server_port}/", width=1280, locale="en-US"
        ) as (page, _),
    ):
        page.wait_for_timeout(2000)  # a prefetch that never comes shows in nothing
        assert not [line for line in server.lines if "event=download" in line]
        with page.expect_download() as started:
            page.locator("a").click()
        content = Path(started.value.path()).read_bytes()
    assert content == get(server.port, TARGET).content
