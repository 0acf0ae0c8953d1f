"""Learning CRC-32 values that nobody has asked for."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import pytest
from harness.albums import HASH, make_album, noise, settle
from harness.counting import CountingStorage
from harness.pagecache import evict

from archive_service.archive.errors import SourceChanged
from archive_service.archive.id import ArchiveId
from archive_service.archive.segments import LARGE_FILE_BYTES
from archive_service.checksums.album import Checksums, HashThreads
from archive_service.checksums.background.hasher import BackgroundHasher
from archive_service.checksums.background.throttle import COLD_BYTES_PER_S
from archive_service.checksums.crc_index.memory import MemoryCrcIndex
from archive_service.checksums.disk_demand import DiskDemand
from archive_service.storage.exclusion import Exclusion
from archive_service.storage.local.page_cache import is_cached
from archive_service.storage.local.storage import LocalStorage

ALBUM = ArchiveId(HASH)
LARGE = noise(4 * 1024 * 1024 + 5)
_Result = TypeVar("_Result")


class Bench:
    """A learner over a directory, and what it works with."""

    def __init__(self, photos_dir: Path) -> None:
        self.index = MemoryCrcIndex()
        self.demand = DiskDemand()
        self.storage = CountingStorage(LocalStorage(photos_dir, Exclusion(())))
        self._stack = ExitStack()

    def run(self, act: Callable[[BackgroundHasher], Awaitable[_Result]]) -> _Result:
        async def run() -> _Result:
            learner = self.learner()
            try:
                return await act(learner)
            finally:
                await learner.close()

        with self._stack:
            return asyncio.run(run())

    def learner(self) -> BackgroundHasher:
        pools = [self._stack.enter_context(ThreadPoolExecutor(1)) for _ in range(2)]
        threads = HashThreads(self.index, *pools, demand=self.demand)
        self.checksums = Checksums(self.storage, threads)
        return BackgroundHasher(self.storage, self.checksums, self.demand)

    def known(self) -> dict[bytes, int]:
        return {path: value for path, (_, value) in self.index.load(ALBUM).items()}


@pytest.fixture
def bench(photos_dir: Path) -> Bench:
    return Bench(photos_dir)


async def learn(learner: BackgroundHasher) -> int:
    return await learner.learn(ALBUM, await learner.look(ALBUM))


def in_memory(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return is_cached(descriptor, 0, path.stat().st_size)
    finally:
        os.close(descriptor)


def test_all_of_an_album_is_learned(bench: Bench, photos_dir: Path) -> None:
    files = {f"{number}.txt": b"x" * number for number in range(150)}
    files |= {
        "a.bin": LARGE,
        "b.bin": noise(LARGE_FILE_BYTES),
        "c.bin": noise(LARGE_FILE_BYTES - 1),
    }
    settle(make_album(photos_dir, files))
    assert bench.run(learn) == len(files)
    assert bench.known() == {path.encode(): crc32(data) for path, data in files.items()}


def test_only_what_is_unknown_is_read(bench: Bench, photos_dir: Path) -> None:
    album = settle(make_album(photos_dir, {"1.jpg": LARGE, "2.jpg": b"two"}))
    bench.run(learn)
    (album / "3.jpg").write_bytes(b"three")
    settle(album)
    bench.storage.opened.clear()
    assert bench.run(learn) == 1
    assert bench.storage.opened == {b"3.jpg": 1}


def test_an_album_that_changes_meanwhile_is_given_up(bench: Bench, photos_dir: Path) -> None:
    album = settle(make_album(photos_dir, {"1.jpg": LARGE, "2.jpg": b"two"}))

    async def change(learner: BackgroundHasher) -> None:
        seen = await learner.look(ALBUM)
        (album / "1.jpg").write_bytes(LARGE[:-1])
        await learner.learn(ALBUM, seen)

    with pytest.raises(SourceChanged):
        bench.run(change)
    assert b"1.jpg" not in bench.known()


@pytest.mark.parametrize("is_cold", [True, False])
def test_a_file_is_in_memory_afterwards_if_it_was_before(
    bench: Bench, photos_dir: Path, is_cold: bool
) -> None:
    album = settle(make_album(photos_dir, {"1.jpg": LARGE}))
    if is_cold:
        evict(album / "1.jpg")
    assert bench.run(learn) == 1
    assert in_memory(album / "1.jpg") is not is_cold


def test_the_disk_is_read_no_faster_than_is_bearable(bench: Bench, photos_dir: Path) -> None:
    album = settle(make_album(photos_dir, {"1.jpg": noise(COLD_BYTES_PER_S // 2)}))
    evict(album / "1.jpg")
    started_s = time.monotonic()
    bench.run(learn)
    assert time.monotonic() - started_s > 0.4


@pytest.mark.parametrize("is_cold", [True, False])
def test_the_disk_is_left_to_downloads_while_they_need_it(
    bench: Bench, photos_dir: Path, is_cold: bool
) -> None:
    # Hashing what is in memory takes long enough for many rests.
    album = settle(make_album(photos_dir, {"1.jpg": LARGE if is_cold else bytes(200_000_000)}))
    if is_cold:
        evict(album / "1.jpg")

    async def learn_meanwhile(learner: BackgroundHasher) -> bool:
        with bench.demand.busy():
            learning = asyncio.ensure_future(learn(learner))
            await asyncio.wait({learning}, timeout=1.0 if is_cold else 60.0)
            was_done = learning.done()
        assert await learning == 1
        return was_done

    assert bench.run(learn_meanwhile) is not is_cold


def test_a_download_and_the_learner_share_what_they_learn(bench: Bench, photos_dir: Path) -> None:
    album = settle(make_album(photos_dir, {"1.jpg": LARGE, "2.jpg": LARGE}))

    async def learn_after_a_download_has_begun(learner: BackgroundHasher) -> list[int]:
        seen = await learner.look(ALBUM)
        download = bench.checksums.of(ALBUM, *seen)
        await download.load()
        await download.hashed(0)
        await learner.learn(ALBUM, seen)
        return list(download.values)

    assert bench.run(learn_after_a_download_has_begun) == [crc32(LARGE)] * 2
    assert bench.storage.opened == {b"1.jpg": 1, b"2.jpg": 1}, album


def test_closing_ends_a_long_reading(bench: Bench, photos_dir: Path) -> None:
    with (photos_dir / "huge").open("wb") as file:
        file.truncate(50 * 1024**3)
    (photos_dir / HASH).mkdir()
    (photos_dir / "huge").rename(photos_dir / HASH / "huge")
    settle(photos_dir / HASH)

    async def close(learner: BackgroundHasher) -> bool:
        learning = asyncio.ensure_future(learn(learner))
        await asyncio.wait({learning}, timeout=0.3)
        was_done = learning.done()
        await learner.close()
        await asyncio.gather(learning, return_exceptions=True)
        return was_done

    assert not bench.run(close)
