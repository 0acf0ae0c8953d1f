"""The first download of an album on storage whose every request takes long."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.gatedfs import GatedFs, gated
from harness.http import Connection, get
from harness.server import Server, serving

FILES = {f"{number}.bin": noise(1_000_000, number) for number in range(6)}
LINK = f"/archive/{HASH}/"


@contextmanager
def scene(tmp_path: Path) -> Iterator[tuple[Server, GatedFs]]:
    make_album(tmp_path / "real", FILES)
    with (
        gated(tmp_path / "real", tmp_path / "mounted") as fuse,
        serving(fuse.root, tmp_path / "cache") as server,
    ):
        yield server, fuse


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "cache"
    directory.mkdir()
    return directory


@pytest.mark.usefixtures("cache_dir")
def test_a_file_is_opened_once_to_be_hashed_and_sent(tmp_path: Path) -> None:
    with scene(tmp_path) as (server, fuse), ThreadPoolExecutor(1) as thread:
        last = f"{HASH}/{max(FILES)}"
        fuse.hold("open", last)
        download = thread.submit(get, server.port, LINK)
        fuse.wait_held()
        fuse.clear()
        fuse.fail("open", last, errno.EIO)
        answer = download.result()
        assert answer.status == 200
        assert all(content in answer.content for content in FILES.values())
        assert eventually(lambda: not server.open_below(fuse.root))


@pytest.mark.usefixtures("cache_dir")
def test_a_client_that_leaves_frees_the_files_that_were_hashed_for_it(tmp_path: Path) -> None:
    with scene(tmp_path) as (server, fuse):
        visitor = Connection(server.port, small_window=True)
        visitor.send("GET", LINK)
        status, _ = visitor.receive_head()
        assert status == 200
        assert eventually(lambda: len(server.open_below(fuse.root)) >= len(FILES))
        visitor.close()
        assert eventually(lambda: not server.open_below(fuse.root))
