"""A title of 150 Cyrillic letters as a file name, 300 bytes: each client saves the archive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from harness.albums import HASH, make_album, noise
from harness.chromium import started_chromium
from harness.clients import run_client
from harness.firefox import started_firefox
from harness.http import get
from harness.server import Server, serving

TITLE = "Щ" * 150
TARGET = f"/archive/{HASH}/?name={quote(TITLE)}"
SHORTENED = "Щ" * 118 + ".zip"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos_dir, cache_dir = map(tmp_path_factory.mktemp, ("photos", "cache"))
    make_album(photos_dir, {"1.jpg": noise(3_000_000), "2.jpg": noise(1_000)})
    with serving(photos_dir, cache_dir) as server:
        yield server


def url_of(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}{TARGET}"


def test_chromium_saves_it(server: Server, tmp_path: Path) -> None:
    with started_chromium(tmp_path) as chromium:
        chromium.start_download(url_of(server))
        assert chromium.finished(SHORTENED) == get(server.port, TARGET).content


@pytest.mark.xdist_group("firefox")
def test_firefox_saves_it(server: Server, tmp_path: Path) -> None:
    with started_firefox(tmp_path) as firefox:
        firefox.start_download(url_of(server))
        assert firefox.finished(SHORTENED) == get(server.port, TARGET).content


@pytest.mark.parametrize(
    ("command", "names"),
    [
        # curl 7.88 knows `filename` alone, which is the fallback in ASCII.
        (["curl", "-sS", "-f", "-OJ"], {"archive.zip", SHORTENED}),
        (["aria2c", "-q", "--file-allocation=none", "-x", "4", "-s", "4", "-k", "1M"], {SHORTENED}),
    ],
    ids=["curl", "aria2c"],
)
def test_a_command_saves_it(
    command: list[str], names: set[str], server: Server, tmp_path: Path
) -> None:
    done = run_client([*command, url_of(server)], tmp_path)
    assert done.returncode == 0, done.stdout
    (saved,) = tmp_path.iterdir()
    assert saved.name in names
    assert saved.read_bytes() == get(server.port, TARGET).content


def test_wget_saves_it_under_the_part_of_the_name_that_it_takes(
    server: Server, tmp_path: Path
) -> None:
    """wget 1.21 takes 236 characters of the percent-encoded name: of Cyrillic, 39 letters."""
    done = run_client(["wget", "-nv", "--content-disposition", url_of(server)], tmp_path)
    assert done.returncode == 0, done.stdout
    (saved,) = tmp_path.iterdir()
    assert saved.name.startswith("Щ" * 39)
    assert saved.read_bytes() == get(server.port, TARGET).content
