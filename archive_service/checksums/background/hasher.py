"""Hashing files before a download asks for them.

Downloads that run meanwhile share the values, but never wait for these threads: a download hashes
what it needs first by itself, from where the background has stopped.  A thread works for an album
for about a second at a time.  If it takes longer, it waits for a disk that does not answer: its
album is given up, and others take its place.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeVar

from archive_service.archive.errors import DownloadFailed, SourceChanged, StorageUnavailable
from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.archive.segments import LARGE_FILE_BYTES
from archive_service.archive.settling import NO_UPLOAD_LOOK, UploadLook, is_written
from archive_service.checksums.album import AlbumChecksums
from archive_service.checksums.album_hashing import AlbumHashing
from archive_service.checksums.album_registry import AlbumRegistry
from archive_service.checksums.background.page_cache_guard import PageCacheGuard
from archive_service.checksums.background.throttle import LOOK_AGAIN_S, Throttle
from archive_service.checksums.hash_blocks import HashState
from archive_service.checksums.suspected_files import AnnouncedFiles
from archive_service.storage.base import AlbumFiles, DiskFile, SourceFile, Storage
from archive_service.storage.disk_demand import DiskDemand
from archive_service.storage.lane_limits import LaneLimits
from archive_service.storage.thread_lanes import Lanes
from archive_service.storage.time_limits import ended_within

TURN_S = 30.0
"""How long one album is hashed before others have their turn."""
LOOK_EVERY_BYTES = 8 * 1024 * 1024
"""Bytes of a file between two checks that it is still there and unchanged."""
ANSWER_WITHIN_S = 60.0
"""How long one call is waited for; listing an album may take many seconds, too."""
_LIMITS = LaneLimits(per_lane=1, usual=2, most=32)
_ROOT = "root"
VISIT_S = 1.0
"""How long one call works."""
_FROM_MEMORY_S = 50e-6
"""If small files take longer than this on average, they came from the disk."""
_Result = TypeVar("_Result")


class Seen(NamedTuple):
    """An album as it was at one look."""

    listing: Listing
    fingerprint: bytes


class Learned(NamedTuple):
    """The result of one turn."""

    files: int
    """How many were hashed."""
    is_complete: bool
    """Whether nothing is left that can be read."""
    is_taken_over: bool = False
    """Whether downloads hash what is left."""


class _TakenOver(DownloadFailed):
    """A download hashes the file now."""

    def __init__(self) -> None:
        super().__init__("taken over")


class BackgroundHasher:
    """Lists albums and hashes their unknown files; for calls from one event loop."""

    def __init__(  # noqa: PLR0913 - the last four have defaults
        self,
        storage: Storage,
        checksums: AlbumRegistry,
        demand: DiskDemand,
        *,
        uploads: UploadLook = NO_UPLOAD_LOOK,
        turn_s: float = TURN_S,
        visit_s: float = VISIT_S,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        self._storage = storage
        self._uploads = uploads
        self._checksums = checksums
        self._demand = demand
        self._turn_s = turn_s
        self._visit_s = visit_s
        self._stopping = threading.Event()
        self._answer_within_s = answer_within_s
        self._threads = Lanes("ahead", _LIMITS)
        self._given_up: dict[Hashable, Future[Any]] = {}
        """Work of each album whose disk did not answer in time."""

    async def albums(self) -> Sequence[str]:
        """Name what may be an album; raise StorageUnavailable."""
        return await self.in_thread(self._storage.albums)

    async def look(self, archive: ArchiveId) -> Seen:
        """List an album; raise ArchiveNotFound, AlbumInMotion or StorageUnavailable."""
        return await self._answer(archive, partial(self._look, archive))

    async def is_written(self, archive: ArchiveId, seen: Seen) -> bool:
        """Return whether a file of an album is open for writing; raise StorageUnavailable."""
        return await self._answer(archive, partial(self._is_written, archive, seen.listing))

    async def learn(self, archive: ArchiveId, seen: Seen) -> Learned:
        """Hash unknown files of an album for one turn; leave out those that can't be read.

        Raise SourceChanged where the album is no longer as seen, and StorageUnavailable.
        """
        album = self._checksums.peek(archive, seen.listing, seen.fingerprint)
        await album.load()
        run = _AlbumRun(album, Throttle(self._demand, self._stopping))
        steps = run.steps(self._storage, archive)
        stop_s = time.monotonic() + self._turn_s
        try:
            while await self._answer(archive, partial(self._advance, steps, run.throttle)):
                album.flush_if_due()
                if self._stopping.is_set() or time.monotonic() >= stop_s:
                    await self._answer(archive, steps.close)
                    return Learned(run.files, is_complete=False)
                while run.throttle.makes_way():  # noqa: ASYNC110 - threads set no asyncio.Event
                    await asyncio.sleep(LOOK_AGAIN_S)
        finally:
            album.flush()
        if album.is_superseded:
            raise SourceChanged("rewritten")
        is_taken_over = run.is_taken_over
        return Learned(run.files, is_complete=not is_taken_over, is_taken_over=is_taken_over)

    def in_thread(self, work: Callable[[], _Result]) -> asyncio.Future[_Result]:
        """Run what blocks, is not urgent, and concerns no album."""
        return asyncio.wrap_future(self._threads.of(_ROOT).submit(work))

    async def watch(self, album: str, work: Callable[[], None]) -> None:
        """Run what watches an album, beside its hashing; raise StorageUnavailable."""
        await self._answer(("watch", album), work)

    async def _answer(self, key: Hashable, work: Callable[[], _Result]) -> _Result:
        """Run work of one album, after what was begun for it before.

        Raise StorageUnavailable where its disk does not answer.
        """
        if key in self._given_up and not self._given_up[key].done():
            raise StorageUnavailable("hangs")
        self._given_up.pop(key, None)
        answer = self._threads.of(key).submit(work)
        try:
            return await ended_within(self._answer_within_s, asyncio.wrap_future(answer))
        except asyncio.TimeoutError:
            if not answer.cancelled():  # it has begun
                self._given_up[key] = answer
            raise StorageUnavailable("hangs") from None

    async def close(self) -> None:
        """End the threads; each does so within one block, or is left alone where it hangs."""
        self._stopping.set()
        await asyncio.to_thread(self._threads.close)

    def _look(self, archive: ArchiveId) -> Seen:
        listing = self._storage.list(archive)
        return Seen(listing, fingerprint_of(listing))

    def _is_written(self, archive: ArchiveId, listing: Listing) -> bool:
        return is_written(archive, listing, self._uploads, now_ns=time.time_ns())

    def _advance(self, steps: Iterator[None], throttle: Throttle) -> bool:
        """Take steps for a while; return whether more may be left."""
        stop_s = time.monotonic() + self._visit_s
        return any(
            self._stopping.is_set() or time.monotonic() >= stop_s or throttle.makes_way()
            for _ in steps
        )


class _AlbumRun:
    """One turn of one album."""

    def __init__(self, album: AlbumChecksums, throttle: Throttle) -> None:
        self.album = album
        self.throttle = throttle
        self.files = 0
        self.is_taken_over = False

    def steps(self, storage: Storage, archive: ArchiveId) -> Generator[None, None, None]:
        """Hash unknown files, the files opened in the thread that takes the first step.

        Small files come first, in their order, then the others by size: a turn makes most files
        known.
        """
        listing = self.album.listing
        sizes = listing.sizes
        unknown = list(filter(self.album.is_unknown, listing.sources()))
        small = [source for source in unknown if sizes[source] < LARGE_FILE_BYTES]
        large = [source for source in unknown if sizes[source] >= LARGE_FILE_BYTES]
        opened = storage.files(archive, listing)
        with AnnouncedFiles(opened, listing, self.album.announced) as files:
            hashing = _BackgroundHashing(files, self)
            yield from hashing.steps(small)
            yield from hashing.steps(sorted(large, key=sizes.__getitem__))


class _BackgroundHashing(AlbumHashing):
    """Hashes at a low priority: drops pages, rests, and skips unreadable files."""

    def __init__(self, files: AlbumFiles, run: _AlbumRun) -> None:
        super().__init__(files, run.album)
        self._run = run
        self._pages: PageCacheGuard
        self._is_local = self._is_cold = False
        self._looked_at = 0

    def learned(
        self, sources: Sequence[SourceIndex], crc32s: Sequence[int], *, read_from_ns: int
    ) -> None:
        with suppress(SourceChanged):  # the other suspected files have to be settled, too
            super().learned(sources, crc32s, read_from_ns=read_from_ns)
        self._run.files += len(sources)

    def failed(self, source: SourceIndex, error: DownloadFailed) -> None:
        if isinstance(error, SourceChanged):
            raise error
        if isinstance(error, _TakenOver):
            self._run.is_taken_over |= self.album.is_unknown(source)

    def begun(self, source: SourceIndex) -> HashState:
        self._leave_to_download(source)
        return super().begun(source)

    def opened(self, source: SourceIndex, state: HashState) -> SourceFile:
        file = super().opened(source, state)
        self._pages = PageCacheGuard(file)
        self._is_local = isinstance(file, DiskFile)
        self._looked_at = state.offset
        return file

    def before_block(self, offset: int, count: int) -> None:
        self._is_cold = not self._pages.are_cached(offset, count)

    def after_block(self, source: SourceIndex, state: HashState, count: int) -> None:
        if self._is_cold and count:
            self._pages.let_go(state.offset - count, count)
        if state.offset - self._looked_at >= LOOK_EVERY_BYTES:
            self._looked_at = state.offset
            self._look_again(source)
            self.left(source, state)
        self._leave_to_download(source)
        self._run.throttle.keep(cold_bytes=count if self._is_cold else 0)

    def after_group(self, files: int, size_bytes: int, *, duration_s: float) -> None:
        is_cold = duration_s > files * _FROM_MEMORY_S
        self._run.throttle.keep(cold_bytes=size_bytes if is_cold else 0)

    def _look_again(self, source: SourceIndex) -> None:
        """Open the file once more, so that a deleted or replaced one frees its room."""
        if self._is_local:
            self.files.open(source).close()

    def _leave_to_download(self, source: SourceIndex) -> None:
        if self.album.jobs.has(source) or not self.album.is_unknown(source):
            raise _TakenOver
