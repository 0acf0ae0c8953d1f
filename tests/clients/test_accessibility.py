"""The pages as people use them who can't see, or not well: axe-core finds no fault."""

from __future__ import annotations

import json
import os
from itertools import product
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album
from harness.chromium import visiting
from harness.readers import go_without, need, run

AXE = "axe-core@4.14.1"
WIDTHS, SCHEMES = (360, 1280), ("light", "dark")
PAGES = ("/", "/archive/missing/", f"/archive/{HASH}/?name=a/b", f"/archive/{HASH}/page")


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script, as its makers publish it for npm."""
    need("npm")
    directory = tmp_path_factory.mktemp("axe")
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--prefix", str(directory), AXE]
    done = run(command, variables=os.environ)  # npm finds its registry there
    if done.returncode:
        go_without(f"npm does not install {AXE}: {done.stdout}")
    return (directory / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.mark.parametrize("locale", ["ru-RU", "en-US"])
def test_no_fault_is_found(
    locale: str, axe: str, serve: Serve, photos_dir: Path, tmp_path: Path
) -> None:
    make_album(photos_dir, {"1.jpg": bytes(900_000), "2.jpg": bytes(900_000)})
    server = serve("--page-files", "--part-size", "1M")
    base = f"http://127.0.0.1:{server.port}"
    with visiting(tmp_path, f"{base}/", width=360, locale=locale) as (page, _):
        for width, scheme, target in product(WIDTHS, SCHEMES, PAGES):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            page.goto(f"{base}{target}")
            if target == "/":
                page.fill("#hash", HASH)
                page.press("#hash", "Enter")
                page.locator("#result .figures").wait_for()
            page.evaluate(axe)
            found = json.loads(page.evaluate("axe.run().then(JSON.stringify)"))
            assert found["passes"]
            faults = {fault["id"]: fault["help"] for fault in found["violations"]}
            assert not faults, (width, scheme, target)
