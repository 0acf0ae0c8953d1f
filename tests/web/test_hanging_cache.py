"""The disk of CACHE_DIR does not answer: at the start, while albums are sent, and at the end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.albums import HASH, make_album
from harness.gatedfs import GatedFs, gated, opened_at_the_end
from harness.http import get
from harness.server import serving

LINK = f"/archive/{HASH}/"


@pytest.fixture
def cache(photos_dir: Path, tmp_path: Path) -> Iterator[GatedFs]:
    """Mount a CACHE_DIR whose index knows an album."""
    kept = tmp_path / "kept"
    kept.mkdir()
    make_album(photos_dir, {"1.jpg": b"x"})
    with serving(photos_dir, kept) as server:
        assert get(server.port, LINK).status == 200
    with gated(kept, tmp_path / "cache") as gates:
        yield gates


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_start_does_not_wait_for_it(cache: GatedFs, photos_dir: Path, workers: str) -> None:
    for file in list(cache.root.iterdir()):
        cache.hold("stat", file.name)
    with serving(photos_dir, cache.root, "--workers", workers) as server, opened_at_the_end(cache):
        assert get(server.port, LINK).status == 200


def test_it_is_reported_and_the_end_does_not_wait_for_it(cache: GatedFs, photos_dir: Path) -> None:
    [index] = cache.root.glob("crc-*.sqlite3")
    with serving(photos_dir, cache.root) as server, opened_at_the_end(cache):
        cache.hold("stat", index.name)
        assert get(server.port, LINK).status == 200
        line = server.wait_for("disk.hanging").string
        assert f"mount={cache.root}" in line
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("server.stopped")
