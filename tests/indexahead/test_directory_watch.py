"""Directories that hang, fail or leave while they are watched."""

from __future__ import annotations

import asyncio
import errno
import os
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album
from harness.gatedfs import GatedFs, gated, opened_at_the_end
from harness.inotify import watches
from indexahead.conftest import WATCH, WITHIN_S, Await

from archive_service.archive.errors import StorageUnavailable
from archive_service.checksums.album_registry import AlbumRegistry
from archive_service.checksums.background.hasher import BackgroundHasher
from archive_service.checksums.background.index_ahead import IndexAhead
from archive_service.checksums.crc_index.memory import MemoryCrcIndex
from archive_service.checksums.hash_threads import HashThreads
from archive_service.observe.events import Event
from archive_service.observe.index_events import AlbumIndexed
from archive_service.storage.disk_demand import DiskDemand
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.local.unclosed_files import UnclosedFiles
from archive_service.storage.local.watcher import AlbumWatcher

ANSWER_WITHIN_S = 5.0


@contextmanager
def hung(parent: Path, behind: Path) -> Iterator[GatedFs]:
    """Mount a directory `disk` that can't be listed."""
    behind.mkdir()
    with gated(behind, parent / "disk") as gates, opened_at_the_end(gates):
        gates.hold("list", "")
        yield gates


def watcher_of(root: Path) -> AlbumWatcher:
    return AlbumWatcher(root, Exclusion(()), UnclosedFiles())


def hasher_of(root: Path, pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor]) -> BackgroundHasher:
    storage, demand = LocalStorage(root, Exclusion(())), DiskDemand()
    threads = HashThreads(MemoryCrcIndex(), *pools, demand=demand)
    albums = AlbumRegistry(storage, threads)
    return BackgroundHasher(storage, albums, demand, answer_within_s=ANSWER_WITHIN_S)


class Indexed:
    """Which albums have been indexed."""

    def __init__(self) -> None:
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def __call__(self, event: Event) -> None:
        if isinstance(event, AlbumIndexed):
            self._events[event.archive.value].set()

    async def wait_for(self, album: str) -> None:
        await asyncio.wait_for(self._events[album].wait(), WITHIN_S)


async def index_beside_a_hung_album(root: Path, hasher: BackgroundHasher) -> None:
    indexed = Indexed()
    open_watch = partial(watcher_of, root)
    ahead = IndexAhead(hasher, indexed, settle_time_s=0.3, open_watch=open_watch)
    running = asyncio.ensure_future(ahead.run())
    try:
        await indexed.wait_for("old")
        make_album(root, {"day/1.jpg": b"1"}, "new")
        await indexed.wait_for("new")
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=WITHIN_S)


def test_a_directory_that_hangs_keeps_no_other_album_from_being_indexed(
    photos_dir: Path, tmp_path: Path
) -> None:
    make_album(photos_dir, {"1.jpg": b"1"}, "old")
    album = make_album(photos_dir, {"1.jpg": b"1"})

    async def run() -> None:
        hasher = hasher_of(photos_dir, pools)
        try:
            await index_beside_a_hung_album(photos_dir, hasher)
        finally:
            gates.clear()
            await hasher.close()

    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        pools = first, second
        with hung(album, tmp_path / "behind") as gates:
            asyncio.run(run())


def test_a_directory_that_fails_costs_no_other_album_its_watch(
    serve: Serve, photos_dir: Path, tmp_path: Path, await_indexed: Await
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"1"}, "bad")
    (tmp_path / "behind").mkdir()
    with gated(tmp_path / "behind", album / "disk") as gates:
        gates.fail("list", "", errno.EIO)
        server = serve(*WATCH)
        server.wait_for(r"index_ahead\.(watching|scanning)")
        make_album(photos_dir, {"day/1.jpg": b"1"})
        await_indexed(HASH)
        assert watches(server.pid)
        gates.clear()
        (album / "2.jpg").write_bytes(b"2")
        await_indexed("bad")


def test_a_directory_that_failed_is_watched_once_it_can_be(
    photos_dir: Path, tmp_path: Path
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"1"})
    (tmp_path / "behind/day").mkdir(parents=True)
    with gated(tmp_path / "behind", album / "disk") as gates:
        watcher = watcher_of(photos_dir)
        try:
            gates.fail("list", "", errno.EIO)
            with pytest.raises(StorageUnavailable):
                watcher.watch(HASH)
            gates.clear()
            watcher.watch(HASH)
            assert watches(os.getpid()) == len(("root", "album", "disk", "day"))
        finally:
            watcher.close()


def test_a_directory_that_leaves_while_its_album_is_watched_is_watched_no_more(
    photos_dir: Path, tmp_path: Path
) -> None:
    left = make_album(photos_dir, {"moved/1.jpg": b"1"}) / "moved"
    with ThreadPoolExecutor(1) as thread, hung(left, tmp_path / "behind") as gates:
        watcher = watcher_of(photos_dir)
        try:
            watching = thread.submit(watcher.watch, HASH)
            gates.wait_held()
            left.rename(tmp_path / "moved")
            assert watcher.changes().unwatched == {HASH}
            gates.clear()
            watching.result(WITHIN_S)
            watcher.watch(HASH)
            assert watches(os.getpid()) == 1 + 1
        finally:
            gates.clear()
            watcher.close()
            (tmp_path / "moved").rename(left)  # it is unmounted where it was mounted
