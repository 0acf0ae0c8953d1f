"""Learning CRC-32 values ahead of requests."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import pytest
from harness.albums import HASH, make_album, make_sparse, noise, settle
from harness.conditions import eventually
from harness.counting import CountingStorage
from harness.pagecache import evict

from archive_service.archive.errors import SourceChanged, StorageUnavailable
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.archive.segments import LARGE_FILE_BYTES
from archive_service.checksums.album import AlbumChecksums
from archive_service.checksums.album_registry import AlbumRegistry
from archive_service.checksums.background.hasher import (
    ANSWER_WITHIN_S,
    TURN_S,
    VISIT_S,
    BackgroundHasher,
    Learned,
)
from archive_service.checksums.background.index_ahead import IndexAhead
from archive_service.checksums.background.throttle import COLD_BYTES_PER_S
from archive_service.checksums.crc_index.memory import MemoryCrcIndex
from archive_service.checksums.hash_threads import HashThreads
from archive_service.observe.events import Event
from archive_service.observe.index_events import AlbumIndexed, AlbumNotIndexed
from archive_service.storage.disk_demand import DiskDemand
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.page_cache import is_cached
from archive_service.storage.local.storage import LocalStorage

ALBUM = ArchiveId(HASH)
LARGE = noise(4 * 1024 * 1024 + 5)
_Result = TypeVar("_Result")


class Bench:
    """A learner over a directory, and what it works with."""

    def __init__(self, photos_dir: Path, storage: LocalStorage | None = None) -> None:
        self.index = MemoryCrcIndex()
        self.demand = DiskDemand()
        self.storage = CountingStorage(storage or LocalStorage(photos_dir, Exclusion(())))
        self.turn_s = TURN_S
        self.visit_s = VISIT_S
        self.answer_within_s = ANSWER_WITHIN_S
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
        self.checksums = AlbumRegistry(self.storage, threads)
        return BackgroundHasher(
            self.storage,
            self.checksums,
            self.demand,
            turn_s=self.turn_s,
            visit_s=self.visit_s,
            answer_within_s=self.answer_within_s,
        )

    def known(self) -> dict[bytes, int]:
        return {path: value for path, (_, value) in self.index.load(ALBUM).items()}


@pytest.fixture
def bench(photos_dir: Path) -> Bench:
    return Bench(photos_dir)


async def learn(learner: BackgroundHasher) -> int:
    return (await learner.learn(ALBUM, await learner.look(ALBUM))).files


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


def test_small_files_come_first_and_then_the_others_by_size(bench: Bench, photos_dir: Path) -> None:
    files = {"a.bin": LARGE, "b.bin": noise(LARGE_FILE_BYTES), "c.txt": b"c", "d.txt": b""}
    settle(make_album(photos_dir, files))
    bench.run(learn)
    assert list(bench.storage.opened) == [b"c.txt", b"d.txt", b"b.bin", b"a.bin"]


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


def is_learned_beside_a_download(bench: Bench, *, within_s: float) -> bool:
    async def learn_meanwhile(learner: BackgroundHasher) -> bool:
        with bench.demand.busy():
            learning = asyncio.ensure_future(learn(learner))
            await asyncio.wait({learning}, timeout=within_s)
            was_done = learning.done()
        assert await learning == 1
        return was_done

    return bench.run(learn_meanwhile)


def test_the_disk_is_left_to_downloads_while_they_need_it(bench: Bench, photos_dir: Path) -> None:
    evict(settle(make_album(photos_dir, {"1.jpg": LARGE})) / "1.jpg")
    assert not is_learned_beside_a_download(bench, within_s=1.0)


def test_what_is_in_memory_needs_no_disk(bench: Bench, photos_dir: Path) -> None:
    def is_learned(number: int) -> bool:
        data = b"%d" % number * 100_000_000  # takes long enough for many rests
        settle(make_album(photos_dir, {"1.jpg": data}))
        return is_learned_beside_a_download(bench, within_s=30.0)

    # A busy system may drop some of it from memory.
    assert any(map(is_learned, range(3)))


def test_a_download_and_the_learner_share_what_they_learn(bench: Bench, photos_dir: Path) -> None:
    album = settle(make_album(photos_dir, {"1.jpg": LARGE, "2.jpg": LARGE}))

    async def learn_after_a_download_has_begun(learner: BackgroundHasher) -> list[int]:
        seen = await learner.look(ALBUM)
        download = bench.checksums.peek(ALBUM, *seen)
        await download.load()
        await download.jobs.hashed(0)
        await learner.learn(ALBUM, seen)
        return list(download.values)

    assert bench.run(learn_after_a_download_has_begun) == [crc32(LARGE)] * 2
    assert bench.storage.opened == {b"1.jpg": 1, b"2.jpg": 1}, album


def test_closing_ends_a_long_reading(bench: Bench, photos_dir: Path) -> None:
    settle(huge(photos_dir).parent)

    async def close(learner: BackgroundHasher) -> bool:
        learning = asyncio.ensure_future(learn(learner))
        await asyncio.wait({learning}, timeout=0.3)
        was_done = learning.done()
        await learner.close()
        await asyncio.gather(learning, return_exceptions=True)
        return was_done

    assert not bench.run(close)


def huge(photos_dir: Path) -> Path:
    """Make a file that takes hours to read, and that nothing shows to be a hole yet."""
    return make_sparse(photos_dir / HASH / "huge", 2**42)


def test_a_file_deleted_while_it_is_read_is_read_no_further(bench: Bench, photos_dir: Path) -> None:
    path = huge(photos_dir)
    settle(path.parent)

    async def delete(learner: BackgroundHasher) -> None:
        learning = asyncio.ensure_future(learn(learner))
        await asyncio.to_thread(eventually, lambda: bench.storage.read_bytes[b"huge"] > 0)
        path.unlink()
        await learning

    with pytest.raises(SourceChanged):
        bench.run(delete)


def test_a_long_album_makes_way_and_goes_on_where_it_stopped(
    bench: Bench, photos_dir: Path
) -> None:
    settle(huge(photos_dir).parent)
    bench.turn_s, bench.visit_s = 0.0, 0.1

    def offset_in(album: AlbumChecksums) -> int:
        return album.begun.state(album.hash_key(SourceIndex(0))).offset

    async def turns(learner: BackgroundHasher) -> list[int]:
        offsets = []
        for _ in range(3):
            seen = await learner.look(ALBUM)
            assert not (await learner.learn(ALBUM, seen)).is_complete
            offsets.append(offset_in(bench.checksums.peek(ALBUM, *seen)))
        return offsets

    first, second, third = bench.run(turns)
    assert 0 < first < second < third


def test_a_file_that_a_download_wants_is_left_to_it(bench: Bench, photos_dir: Path) -> None:
    settle(huge(photos_dir).parent)

    async def meanwhile(learner: BackgroundHasher) -> Learned:
        seen = await learner.look(ALBUM)
        download = bench.checksums.peek(ALBUM, *seen)
        job = download.jobs.request([SourceIndex(0)])
        learned = await learner.learn(ALBUM, seen)
        job.leave()
        return learned

    assert bench.run(meanwhile) == Learned(0, is_complete=False, is_taken_over=True)


class SpoiltStorage(LocalStorage):
    """Has one album that nothing was prepared for."""

    def list(self, archive: ArchiveId) -> Listing:
        if archive.value == "bad":
            raise OverflowError("timestamp out of range")
        return super().list(archive)


def test_an_error_of_one_album_leaves_the_others_to_be_indexed(photos_dir: Path) -> None:
    for name in ("a", "bad", "z"):
        settle(make_album(photos_dir, {"1.jpg": b"x"}, name=name))
    bench = Bench(photos_dir, SpoiltStorage(photos_dir, Exclusion(())))
    noting = Noting()

    def watch() -> None:
        eventually(lambda: noting.indexed == {"a", "z"}, within_s=60)
        make_album(photos_dir, {"1.jpg": b"x"}, name="new")
        eventually(lambda: "new" in noting.indexed, within_s=60)

    indexed_ahead(bench, noting, watch)
    assert noting.failed == ["bad OverflowError"]


class Noting:
    """Notes what becomes of albums."""

    def __init__(self) -> None:
        self.indexed: set[str] = set()
        self.failed: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, AlbumIndexed):
            self.indexed.add(event.archive.value)
        if isinstance(event, AlbumNotIndexed):
            self.failed.append(f"{event.archive.value} {event.reason}")


def indexed_ahead(bench: Bench, noting: Noting, watch: Callable[[], None]) -> None:
    """Index ahead while a thread watches."""

    async def index(learner: BackgroundHasher) -> None:
        ahead = IndexAhead(learner, noting, settle_time_s=0.1, open_watch=None, scan_every_s=0.01)
        running = asyncio.ensure_future(ahead.run())
        await asyncio.to_thread(watch)
        running.cancel()
        await asyncio.wait({running})

    bench.run(index)


class GatedStorage(LocalStorage):
    """Has one album whose disk does not answer."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Exclusion(()))
        self.gate = threading.Event()

    def list(self, archive: ArchiveId) -> Listing:
        if archive.value == "dead":
            self.gate.wait(120)
        return super().list(archive)


def test_an_album_whose_disk_hangs_leaves_the_others_to_be_indexed(photos_dir: Path) -> None:
    for name in ("a", "dead", "z"):
        settle(make_album(photos_dir, {"1.jpg": b"x"}, name=name))
    storage = GatedStorage(photos_dir)
    bench = Bench(photos_dir, storage)
    bench.answer_within_s = 1.0
    noting = Noting()

    def watch() -> None:
        for name in ("new0", "new1", "new2"):  # also in later passes
            make_album(photos_dir, {"1.jpg": b"x"}, name=name)
            wanted = {"a", "z", name}
            eventually(lambda: noting.indexed >= wanted, within_s=60)  # noqa: B023 - used at once
        storage.gate.set()
        eventually(lambda: "dead" in noting.indexed, within_s=60)

    try:
        indexed_ahead(bench, noting, watch)
    finally:
        storage.gate.set()
    assert noting.failed == []


def test_an_album_that_is_busy_does_not_count_as_one_that_hangs(photos_dir: Path) -> None:
    settle(make_album(photos_dir, {"1.jpg": b"x"}, name="dead"))
    storage = GatedStorage(photos_dir)
    archive = ArchiveId("dead")

    async def look_twice(learner: BackgroundHasher) -> None:
        looks = [asyncio.ensure_future(learner.look(archive)) for _ in range(2)]
        await asyncio.sleep(0)  # both have begun
        await asyncio.sleep(0)
        storage.gate.set()
        first, second = await asyncio.gather(*looks)
        assert first.fingerprint == second.fingerprint

    try:
        Bench(photos_dir, storage).run(look_twice)
    finally:
        storage.gate.set()


def test_an_album_that_hangs_is_asked_again_once_it_has_answered(photos_dir: Path) -> None:
    settle(make_album(photos_dir, {"1.jpg": b"x"}, name="dead"))
    storage = GatedStorage(photos_dir)
    archive = ArchiveId("dead")
    bench = Bench(photos_dir, storage)
    bench.answer_within_s = 1.0

    async def look(learner: BackgroundHasher) -> None:
        for _ in range(2):  # the second takes no thread
            with pytest.raises(StorageUnavailable):
                await learner.look(archive)
        storage.gate.set()
        for _ in range(100):
            with suppress(StorageUnavailable):
                assert len((await learner.look(archive)).listing)
                return
            await asyncio.sleep(0.1)
        raise AssertionError("it still counts as one that hangs")

    try:
        bench.run(look)
    finally:
        storage.gate.set()


def test_a_stop_is_never_lost(photos_dir: Path) -> None:
    """At whichever moment it comes, also together with an answer of the disk."""
    settle(make_album(photos_dir, {"1.jpg": b"x"}, name="a"))

    async def stop(learner: BackgroundHasher) -> None:
        for times in range(200):
            ahead = IndexAhead(
                learner, Noting(), settle_time_s=0.0, open_watch=None, scan_every_s=0.0
            )
            running = asyncio.ensure_future(ahead.run())
            for _ in range(times):
                await asyncio.sleep(0)
            running.cancel()
            done, _ = await asyncio.wait({running}, timeout=10)
            assert done, f"after {times} turns of the loop"

    Bench(photos_dir, LocalStorage(photos_dir, Exclusion(()))).run(stop)
