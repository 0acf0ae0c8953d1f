"""CRC-32 values learned once: shared, kept, and never those of other content."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import threading
import time
import zipfile
import zlib
from array import array
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import timezone
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from harness.albums import HASH, LONG_AGO_S, make_album, make_sparse, noise, settle
from harness.chunks import bytes_of
from harness.conditions import eventually
from harness.counting import CountingStorage
from harness.in_process import make_service

from archive_service.archive.errors import DownloadFailed, SourceChanged
from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import lay_out
from archive_service.archive.listing import CLOCK_TICK_NS, SourceIndex
from archive_service.archive.representation import Representation
from archive_service.archive.segments import LARGE_FILE_BYTES
from archive_service.archive.zip.headers import LOCAL_CRC32_OFFSET
from archive_service.checksums.album import STORED_AT_ONCE, AlbumChecksums
from archive_service.checksums.crc32_column import UNKNOWN, Crc32Column
from archive_service.checksums.crc_index.base import CrcIndex, Rows
from archive_service.checksums.crc_index.memory import MemoryCrcIndex
from archive_service.checksums.hash_blocks import BLOCK_BYTES
from archive_service.checksums.hash_threads import HashThreads
from archive_service.checksums.hashing_ahead import HashingAhead
from archive_service.checksums.known_files import ALBUM_PATH
from archive_service.observe.events import Event, Observe, ignore
from archive_service.observe.index_events import HashingBacklogChanged
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.storage import LocalStorage
from archive_service.transfer.file_span import FileSpan
from archive_service.transfer.service import ArchiveService
from archive_service.transfer.unread_file_watch import unread_watched

ARCHIVE = ArchiveId(HASH)
PIECE_BYTES = 1024 * 1024
LARGE_BYTES = 4 * LARGE_FILE_BYTES

_Result = TypeVar("_Result")


def run(work: Coroutine[object, object, _Result]) -> _Result:
    return asyncio.run(asyncio.wait_for(work, 60))


@dataclass
class Site:
    """Services over one directory that share an index, as one process after the other does."""

    photos_dir: Path
    index: CrcIndex = field(default_factory=MemoryCrcIndex)

    def known(self) -> set[bytes]:
        """Return the paths of files that the index knows."""
        return self.index.load(ARCHIVE).keys() - {ALBUM_PATH}

    @asynccontextmanager
    async def service(self) -> AsyncIterator[tuple[ArchiveService, CountingStorage]]:
        storage = CountingStorage(LocalStorage(self.photos_dir, Exclusion(())))
        service = make_service(storage, self.index)
        try:
            yield service, storage
        finally:
            await asyncio.to_thread(service.close)


@pytest.fixture
def site(photos_dir: Path) -> Site:
    return Site(photos_dir)


class SmallPieces:
    def buffer_bytes(self) -> int:
        return PIECE_BYTES

    def span_bytes(self) -> int:
        return PIECE_BYTES


async def described(service: ArchiveService, *files: str) -> Representation:
    return await service.represent(ARCHIVE, files)


async def download(
    service: ArchiveService,
    representation: Representation,
    start: int = 0,
    stop: int | None = None,
) -> bytes:
    """Return bytes of an archive; those of file spans as the kernel would send them."""
    content = service.content(representation)
    end = representation.complete_length if stop is None else stop
    received = bytearray()
    chunks = content.chunks(start, end, SmallPieces())
    async with aclosing(chunks):
        async for chunk in chunks:
            received += bytes_of(chunk)
    return bytes(received)


def assert_sound(archive: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None


def album_of_sizes(photos_dir: Path) -> dict[bytes, int]:
    """Make an album of large and small files; return the sizes."""
    sizes = {"a.bin": LARGE_BYTES, "b.bin": 5000, "c.bin": LARGE_BYTES + 1, "d/e.bin": LARGE_BYTES}
    files = {name: noise(size, seed=number) for number, (name, size) in enumerate(sizes.items())}
    settle(make_album(photos_dir, files))
    return {name.encode(): size for name, size in sizes.items()}


def test_downloads_at_the_same_time_hash_each_large_file_once(site: Site, photos_dir: Path) -> None:
    sizes = album_of_sizes(photos_dir)

    async def two_downloads() -> CountingStorage:
        async with site.service() as (service, storage):
            representation = await described(service)
            again = await described(service)
            one, two = await asyncio.gather(
                download(service, representation), download(service, again)
            )
            assert one == two
            assert_sound(one)
            return storage

    read_bytes = run(two_downloads()).read_bytes
    large = {path: size for path, size in sizes.items() if size >= LARGE_FILE_BYTES}
    assert {path: read_bytes[path] for path in large} == large


def test_a_later_download_reads_no_large_file(site: Site, photos_dir: Path) -> None:
    sizes = album_of_sizes(photos_dir)

    async def one_download() -> tuple[bytes, CountingStorage]:
        async with site.service() as (service, storage):
            return await download(service, await described(service)), storage

    first, _ = run(one_download())
    second, storage = run(one_download())
    assert first == second
    assert storage.read_bytes == {b"b.bin": sizes[b"b.bin"]}


@pytest.mark.parametrize("first", ["1.large", "1.small"])
def test_probe_of_what_stands_before_a_checksum_opens_no_file(
    site: Site, photos_dir: Path, first: str
) -> None:
    size = LARGE_BYTES if first.endswith("large") else 100
    settle(make_album(photos_dir, {first: noise(size), "2.large": noise(LARGE_BYTES), "3": b"3"}))

    async def probes() -> None:
        async with site.service() as (service, storage):
            representation = await described(service)
            second = representation.layout.header_offsets[1]
            ranges = [(0, 1), (0, LOCAL_CRC32_OFFSET), (second + 3, second + 5)]
            parts = [await download(service, representation, *each) for each in ranges]
            assert not storage.opened
            whole = await download(service, representation)
            assert parts == [whole[start:stop] for start, stop in ranges]

    run(probes())


def test_header_of_known_checksum_is_sent_without_its_file(site: Site, photos_dir: Path) -> None:
    settle(make_album(photos_dir, {"1.small": noise(100), "2.large": noise(LARGE_BYTES)}))

    async def headers() -> None:
        async with site.service() as (service, storage):
            representation = await described(service)
            layout = representation.layout
            whole = await download(service, representation)
            storage.opened.clear()
            for entry in range(2):
                start, stop = layout.header_offsets[entry], layout.data_offset(entry)
                part = await download(service, representation, start, stop)
                assert part == whole[start:stop]
            assert not storage.opened

    run(headers())


@pytest.mark.parametrize("first", ["1.large", "1.small"])
def test_every_part_of_a_header_of_unknown_checksum_is_right(photos_dir: Path, first: str) -> None:
    size = LARGE_BYTES if first.endswith("large") else 100
    make_album(photos_dir, {first: noise(size), "2": b"2"})

    async def part(start: int, stop: int) -> bytes:
        async with Site(photos_dir).service() as (service, _):
            return await download(service, await described(service), start, stop)

    whole = run(part(0, 60))
    for start in range(22):
        for length in (1, 4, 5):
            assert run(part(start, start + length)) == whole[start : start + length]


def test_what_was_learned_is_kept_when_the_client_leaves(site: Site, photos_dir: Path) -> None:
    album_of_sizes(photos_dir)

    async def leave_after(count: int) -> None:
        async with site.service() as (service, _):
            representation = await described(service)
            content = service.content(representation)
            chunks = content.chunks(0, representation.complete_length, SmallPieces())
            async with aclosing(chunks):
                for _ in range(count):
                    await anext(chunks)

    run(leave_after(2))
    assert b"a.bin" in site.index.load(ARCHIVE)
    run(leave_after(4))

    async def rest() -> CountingStorage:
        async with site.service() as (service, storage):
            assert_sound(await download(service, await described(service)))
            return storage

    assert run(rest()).read_bytes[b"a.bin"] == 0


def is_closed(album: Path) -> bool:
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since
            if str(album) in os.readlink(link):
                return False
    return True


def test_hashing_stops_when_nobody_waits_any_more(site: Site, photos_dir: Path) -> None:
    album = settle(make_sparse(photos_dir / HASH / "a.bin", 2**40).parent)

    async def leave() -> CountingStorage:
        async with site.service() as (service, storage):
            task = asyncio.ensure_future(download(service, await described(service)))
            other = asyncio.ensure_future(download(service, await described(service)))
            await asyncio.to_thread(eventually, lambda: storage.read_bytes[b"a.bin"] > 0)
            task.cancel()
            await asyncio.wait({task})
            read = storage.read_bytes[b"a.bin"]
            await asyncio.to_thread(eventually, lambda: storage.read_bytes[b"a.bin"] > 2 * read)
            other.cancel()
            await asyncio.wait({other})
            await asyncio.to_thread(eventually, partial(is_closed, album))
            return storage

    assert run(leave()).opened == {b"a.bin": 1}
    assert site.known() == set()


def test_whoever_leaves_at_any_moment_leaves_no_file_open(site: Site, photos_dir: Path) -> None:
    settle(make_album(photos_dir, {"a.bin": noise(LARGE_FILE_BYTES)}))

    def closed(chunk: object) -> bool:
        return not isinstance(chunk, FileSpan) or chunk.file.closed

    async def leave() -> None:
        async with site.service() as (service, _):
            await download(service, await described(service))
            representation = await described(service)
            for steps in range(8):
                content = service.content(representation)
                chunks = content.chunks(0, representation.complete_length, SmallPieces())
                first = asyncio.ensure_future(anext(chunks))
                for _ in range(steps):
                    await asyncio.sleep(0)
                first.cancel()
                await asyncio.wait({first})
                await chunks.aclose()
                assert first.cancelled() or closed(first.result())

    run(leave())
    gc.collect()  # a file that is left to it makes a warning, which is an error here


def test_after_all_have_left_another_starts_afresh(site: Site, photos_dir: Path) -> None:
    settle(make_sparse(photos_dir / HASH / "a.bin", 64 * 1024**2).parent)

    async def leave_and_come() -> bytes:
        async with site.service() as (service, _):
            for _ in range(5):
                task = asyncio.ensure_future(download(service, await described(service)))
                await asyncio.sleep(0)
                task.cancel()
            return await download(service, await described(service), 0, 1000)

    assert run(leave_and_come())[:4] == b"PK\x03\x04"


@pytest.mark.parametrize("size", [100, LARGE_BYTES])
def test_a_file_replaced_by_one_of_equal_size_and_mtime_gets_its_own_crc(
    site: Site, photos_dir: Path, size: int
) -> None:
    album = settle(make_album(photos_dir, {"a.bin": noise(size, seed=1), "b.txt": b"last"}))

    async def whole() -> bytes:
        async with site.service() as (service, _):
            return await download(service, await described(service))

    assert_sound(run(whole()))
    old = site.index.load(ARCHIVE)[b"a.bin"]
    (album / "a.bin").write_bytes(noise(size, seed=2))
    os.utime(album / "a.bin", (LONG_AGO_S, LONG_AGO_S))
    settle(album)
    archive = run(whole())
    assert_sound(archive)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.read("a.bin") == noise(size, seed=2)
    assert site.index.load(ARCHIVE)[b"a.bin"] != old
    assert site.index.load(ARCHIVE)[b"a.bin"][1] == zlib.crc32(noise(size, seed=2))


def test_values_of_files_that_are_gone_are_forgotten(site: Site, photos_dir: Path) -> None:
    album = settle(make_album(photos_dir, {"a.bin": b"a", "b.bin": b"b"}))

    async def whole() -> None:
        async with site.service() as (service, _):
            await download(service, await described(service))

    run(whole())
    assert site.known() == {b"a.bin", b"b.bin"}
    (album / "a.bin").unlink()
    settle(album)
    run(whole())
    assert site.known() == {b"b.bin"}


def test_values_of_albums_that_are_gone_are_pruned(site: Site, photos_dir: Path) -> None:
    settle(make_album(photos_dir, {"a.bin": b"a"}))

    async def download_and_prune() -> None:
        async with site.service() as (service, _):
            await download(service, await described(service))
            await service.tidy_index()

    run(download_and_prune())
    assert site.index.load(ARCHIVE)
    (photos_dir / HASH).rename(photos_dir / "another")

    async def prune() -> None:
        async with site.service() as (service, _):
            await service.tidy_index()

    run(prune())
    assert site.index.load(ARCHIVE) == {}


def test_a_subset_does_not_forget_the_rest(site: Site, photos_dir: Path) -> None:
    settle(make_album(photos_dir, {"a.bin": b"a", "b.bin": b"b"}))

    async def one_then(*files: str) -> None:
        async with site.service() as (service, _):
            await download(service, await described(service, *files))

    run(one_then())
    run(one_then("b.bin"))
    assert site.known() == {b"a.bin", b"b.bin"}


class OneAlbum:
    """An album's checksums by themselves, with the threads a service gives them."""

    def __init__(self, photos_dir: Path) -> None:
        self.index = MemoryCrcIndex()
        self.storage = CountingStorage(LocalStorage(photos_dir, Exclusion(())))
        self.listing = self.storage.list(ARCHIVE)

    @asynccontextmanager
    async def checksums(self, observe: Observe = ignore) -> AsyncIterator[AlbumChecksums]:
        with ThreadPoolExecutor(2) as hashing, ThreadPoolExecutor(1) as indexing:
            threads = HashThreads(self.index, hashing, indexing, observe)
            with closing(threads.write_watches):
                yield AlbumChecksums(ARCHIVE, self.listing, self.storage, threads)


class HangingIndex(MemoryCrcIndex):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Event()

    def load(self, archive: ArchiveId) -> Mapping[bytes, tuple[bytes, int]]:
        assert self.may_answer.wait(60)
        return super().load(archive)


def test_an_album_is_described_without_an_index_that_does_not_answer(photos_dir: Path) -> None:
    album = settle(make_album(photos_dir, {"a.bin": b"a"}))
    storage, index = LocalStorage(photos_dir, Exclusion(())), HangingIndex()
    listing = storage.list(ARCHIVE)
    version = listing.versions([SourceIndex(0)])
    index.store(ARCHIVE, Rows.of([(b"a.bin", version, 7)]))
    (album / "a.bin").chmod((album / "a.bin").stat().st_mode)  # another ctime
    settle(album)
    with ThreadPoolExecutor(1) as hashing, ThreadPoolExecutor(1) as indexing:
        threads = HashThreads(index, hashing, indexing)
        threads.index_within_s = 0.01
        albums = [
            AlbumChecksums(ARCHIVE, storage.list(ARCHIVE), storage, threads) for _ in range(3)
        ]
        for hanging in albums[:2]:
            hanging.wait_loaded()
            assert not hanging.may_be_kept
        index.may_answer.set()
        for loading in (each.begin_load() for each in albums):
            loading.result(60)
        albums[2].wait_loaded()
    # What was described without it stays as it was described.
    assert [each.announced(SourceIndex(0)) for each in albums] == [UNKNOWN, UNKNOWN, 7]
    assert albums[0].stamps == albums[1].stamps != albums[2].stamps
    assert [each.may_be_kept for each in albums] == [False, False, True]


@pytest.mark.parametrize(
    ("after_ns", "is_kept"),
    [(-CLOCK_TICK_NS, False), (0, False), (CLOCK_TICK_NS, False), (CLOCK_TICK_NS + 1, True)],
)
def test_a_value_is_kept_only_when_a_later_change_would_show(
    photos_dir: Path, after_ns: int, is_kept: bool
) -> None:
    make_album(photos_dir, {"a.bin": b"a"})
    album = OneAlbum(photos_dir)

    async def learn() -> int:
        async with album.checksums() as checksums:
            checksums.learn([0], [7], read_from_ns=album.listing.newest_change_ns + after_ns)
            checksums.flush()
            return checksums.values[0]

    assert run(learn()) == 7
    assert bool(album.index.load(ARCHIVE)) == is_kept


def test_a_change_while_it_is_hashed_fails_all_who_wait(photos_dir: Path) -> None:
    path = settle(make_sparse(photos_dir / HASH / "a.bin", 128 * 1024**2).parent) / "a.bin"
    album = OneAlbum(photos_dir)

    async def two_wait() -> list[BaseException | None]:
        async with album.checksums() as checksums:
            waiting = [asyncio.ensure_future(checksums.jobs.hashed(0)) for _ in range(2)]
            await asyncio.to_thread(eventually, lambda: album.storage.read_bytes[b"a.bin"] > 0)
            with path.open("ab") as file:
                file.write(b"x")
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert checksums.values[0] == UNKNOWN
            return results

    assert [type(result) for result in run(two_wait())] == [SourceChanged] * 2


def test_a_failure_of_one_file_is_none_of_another(photos_dir: Path) -> None:
    """One download has several files hashed in a job that another's wait joins."""
    make_album(photos_dir, {"a.bin": b"a", "b.bin": b"b"})
    (photos_dir / HASH / "a.bin").unlink()
    make_sparse(photos_dir / HASH / "a.bin", 64 * 1024**2)
    settle(photos_dir / HASH)
    album = OneAlbum(photos_dir)

    async def share() -> int:
        async with album.checksums() as checksums:
            job = checksums.jobs.request([0, 1])
            waiting = asyncio.ensure_future(checksums.jobs.hashed(1))
            await asyncio.to_thread(eventually, lambda: album.storage.read_bytes[b"a.bin"] > 0)
            with (photos_dir / HASH / "a.bin").open("ab") as file:
                file.write(b"x")
            with pytest.raises(DownloadFailed):
                await job.finished()
            job.leave()
            await waiting
            return checksums.values[1]

    assert run(share()) == zlib.crc32(b"b")


def test_a_job_that_has_failed_a_moment_ago_is_not_joined(photos_dir: Path) -> None:
    """Another file's failure would come back at once, again and again, and block the loop."""
    settle(make_album(photos_dir, {"a.bin": b"a", "b.bin": b"b"}))
    album = OneAlbum(photos_dir)
    (photos_dir / HASH / "a.bin").unlink()

    async def ask_before_its_end_is_dealt_with() -> int:
        async with album.checksums() as checksums:
            failed = checksums.jobs.request([0, 1])
            while not (failed.done and failed.done.done()):  # noqa: ASYNC110 - not a turn later
                await asyncio.sleep(0)
            another = checksums.jobs.request([1])
            assert another is not failed
            await another.finished()
            with pytest.raises(DownloadFailed):
                await failed.finished()
            return checksums.values[1]

    assert run(ask_before_its_end_is_dealt_with()) == zlib.crc32(b"b")


@pytest.mark.parametrize("is_close_behind", [True, False])
def test_files_are_hashed_together_only_if_the_sender_is_far_behind(
    photos_dir: Path, is_close_behind: bool
) -> None:
    for number in range(64):
        path = make_sparse(photos_dir / HASH / f"{number:02}.bin", 1024 * 1024)
    settle(path.parent)
    album = OneAlbum(photos_dir)
    begun: list[int] = []

    def observe(event: Event) -> None:
        if isinstance(event, HashingBacklogChanged) and event.by > 0:
            begun.append(event.by)

    async def hash_all() -> None:
        listing = album.listing
        layout = lay_out(listing, listing.paths, listing.sources(), zone=timezone.utc)
        async with album.checksums(observe) as checksums:
            prefetch = HashingAhead(layout, checksums)
            prefetch.reached(len(layout) if is_close_behind else 0)
            await prefetch.run(0, len(layout))
            assert checksums.is_complete()

    run(hash_all())
    assert sum(begun) == 64
    assert begun[0] <= 2  # the first file is waited for
    assert (max(begun) <= 2) == is_close_behind


def test_every_part_of_an_archive_is_that_of_the_whole(site: Site, photos_dir: Path) -> None:
    """Ranges begun and ended anywhere near the seams, on services that know nothing yet."""
    files = {"a.txt": b"a" * 10, "b.bin": noise(LARGE_FILE_BYTES), "c/": b"", "d.txt": b"dd"}
    settle(make_album(photos_dir, files))

    async def whole() -> tuple[bytes, list[int]]:
        async with site.service() as (service, _):
            representation = await described(service)
            layout = representation.layout
            seams = {*layout.header_offsets, *layout.central_offsets, len(layout)}
            seams |= {layout.data_offset(entry) for entry in range(layout.entries)}
            return await download(service, representation), sorted(seams)

    archive, seams = run(whole())
    near = sorted({seam + step for seam in seams for step in (-1, 0, 1)})
    near = [offset for offset in near if 0 <= offset <= len(archive)]

    async def every_part() -> None:
        async with Site(photos_dir).service() as (service, _):
            representation = await described(service)
            for start in near:
                for stop in (offset for offset in near if offset > start):
                    part = await download(service, representation, start, stop)
                    assert part == archive[start:stop], (start, stop)

    run(every_part())
    assert_sound(archive)


@pytest.mark.parametrize("start", [0, 1, 100_000])
def test_any_first_range_alone_needs_no_more_than_it_names(
    site: Site, photos_dir: Path, start: int
) -> None:
    """What a range's bytes don't depend on isn't hashed: of two large files, one."""
    settle(make_album(photos_dir, {"a.bin": noise(LARGE_BYTES), "b.bin": noise(LARGE_BYTES, 1)}))

    async def first_range() -> CountingStorage:
        async with site.service() as (service, storage):
            await download(service, await described(service), start, LARGE_BYTES)
            return storage

    assert run(first_range()).read_bytes[b"b.bin"] == 0


def test_a_visitor_who_gives_up_again_and_again_gets_a_large_file_in_the_end(
    site: Site, photos_dir: Path
) -> None:
    """What one download has hashed of a file is not read again for the next."""
    size, tries = 256 * 1024**2, 4
    album = settle(make_sparse(photos_dir / HASH / "a.bin", size).parent)

    async def leave_and_come() -> int:
        async with site.service() as (service, storage):
            for number in range(1, tries + 1):
                task = asyncio.ensure_future(download(service, await described(service), 0, 1000))
                await asyncio.to_thread(eventually, partial(has_read, storage, 8 * number))
                task.cancel()
                await asyncio.wait({task})
                await asyncio.to_thread(eventually, partial(is_closed, album))
            await download(service, await described(service), 0, 1000)
            return storage.read_bytes[b"a.bin"]

    def has_read(storage: CountingStorage, blocks: int) -> bool:
        return storage.read_bytes[b"a.bin"] >= blocks * BLOCK_BYTES

    assert run(leave_and_come()) <= size + 2 * tries * BLOCK_BYTES


# Little archives of large files


@pytest.mark.parametrize(
    "names",
    [["a.bin"], ["a.bin", "b.bin", "c.bin"], ["a.bin", "d/e.bin", "empty/"]],
    ids=["one", "three", "a directory"],
)
def test_a_little_archive_is_the_same_as_its_ranges(site: Site, names: list[str]) -> None:
    files = {name: b"" if name.endswith("/") else noise(LARGE_BYTES) for name in names}
    settle(make_album(site.photos_dir, files))

    async def twice() -> None:
        async with site.service() as (service, _):
            first = await download(service, await described(service))
            found = await described(service)
            assert await download(service, found) == first
            assert await download(service, found) == first
            middle = len(first) // 2
            start = await download(service, found, 0, middle)
            assert start + await download(service, found, middle) == first
            assert_sound(first)

    run(twice())


def test_a_little_archive_is_cut_where_a_file_was_rewritten(site: Site) -> None:
    album = settle(make_album(site.photos_dir, {"a.bin": noise(LARGE_BYTES)}))

    async def after_a_change() -> None:
        async with site.service() as (service, _):
            found = await described(service)
            await download(service, found)
            (album / "a.bin").write_bytes(noise(LARGE_BYTES, seed=1))
            os.utime(album / "a.bin", (LONG_AGO_S, LONG_AGO_S))
            with pytest.raises(SourceChanged):
                await download(service, found)

    run(after_a_change())


class Looked(array):  # type: ignore[type-arg]
    """CRC-32 values that note which threads look at single ones."""

    def __init__(self, *_: object) -> None:
        self.threads: set[int] = set()

    def __getitem__(self, key: int) -> int:  # type: ignore[override]
        self.threads.add(threading.get_ident())
        return super().__getitem__(key)


def test_values_are_stored_and_searched_in_threads(photos_dir: Path) -> None:
    files = {f"{number}.bin": b"x" for number in range(9)}
    settle(make_album(photos_dir, files))
    album = OneAlbum(photos_dir)

    async def in_thread(work: Callable[[], None]) -> None:
        await asyncio.to_thread(work)

    async def first_download() -> None:
        async with album.checksums() as checksums:
            sources = [SourceIndex(number) for number in range(len(files) - 1)]
            checksums.learn(sources, [7] * len(sources), read_from_ns=time.time_ns())
            checksums.values = looked = Looked("q", checksums.values)
            async with unread_watched(checksums, in_thread):
                checksums.flush()
            await asyncio.wrap_future(checksums.begin_load())  # behind what is stored
            assert len(album.index.load(ARCHIVE)) == len(sources)
            assert looked.threads
            assert threading.get_ident() not in looked.threads

    run(first_download())


def test_many_learned_values_are_stored_before_others_wait_for_all_of_them(
    photos_dir: Path,
) -> None:
    settle(make_album(photos_dir, {f"{number}.bin": b"x" for number in range(STORED_AT_ONCE)}))
    album = OneAlbum(photos_dir)

    async def first_download() -> None:
        async with album.checksums() as checksums:
            sources = list(album.listing.sources())
            checksums.learn(sources, [7] * len(sources), read_from_ns=time.time_ns())
            checksums.flush_if_due()
            await asyncio.wrap_future(checksums.begin_load())  # behind what is stored
            assert len(album.index.load(ARCHIVE)) == STORED_AT_ONCE

    run(first_download())


def test_unknown_values_are_those_that_are_not_yet_learned() -> None:
    column = Crc32Column(4)
    assert list(column.unknown()) == [0, 1, 2, 3]
    for learned, unknown in ((0, [1, 2, 3]), (2, [1, 3]), (1, [3]), (3, [])):
        assert not column.is_complete()
        column.learn([SourceIndex(learned)], [5], read_from_ns=0)
        assert list(column.unknown()) == unknown
    assert column.is_complete()
    assert Crc32Column(0).is_complete()
