"""CRC-32 values of an album's files: from the index, or learned while its downloads run.

All downloads of one listing share one `AlbumChecksums`, so a file is hashed once however many
wait for it, and its value is kept even when the client that asked has left.  A job whose last
waiter leaves stops within one block; the next one goes on from there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Executor
from threading import Semaphore
from weakref import WeakValueDictionary

from archive_service.archive.errors import DownloadFailed
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.archive.lru import WeightedLRU
from archive_service.checksums.begun_hashes import BegunHashes
from archive_service.checksums.crc32_column import Crc32Column
from archive_service.checksums.crc_index.base import CrcIndex
from archive_service.checksums.disk_demand import DiskDemand
from archive_service.checksums.hash_job import HashJob
from archive_service.checksums.hash_queue import HashQueue
from archive_service.checksums.hashing import Hashing, HashState
from archive_service.checksums.index_rows import IndexRows
from archive_service.checksums.kept_files import MOST_KEPT, KeptFiles
from archive_service.observe.events import HashingBacklogChanged, Observe, ignore
from archive_service.storage.base import AlbumFiles, DiskFile, SourceFile, Storage

STORE_EVERY_S = 5.0
"""How often learned values are written to the index during a download."""
KEPT_FILES = 100_000
"""Files whose values are kept in memory for the next download."""
_FILES_PER_ALBUM = 30
"""An album takes as much memory as so many files, beside its own."""


class _JobHashing(Hashing):
    """Hashes the files of a job; the first failure ends it."""

    def __init__(self, files: AlbumFiles, album: AlbumChecksums) -> None:
        super().__init__(files, album.listing)
        self._album = album

    def learned(
        self, sources: Sequence[SourceIndex], crc32s: Sequence[int], *, read_from_ns: int
    ) -> None:
        self._album.learn(sources, crc32s, read_from_ns=read_from_ns)

    def failed(self, source: SourceIndex, error: DownloadFailed) -> None:
        raise error

    def begun(self, source: SourceIndex) -> HashState:
        return self._album.begun(source)

    def left(self, source: SourceIndex, state: HashState) -> None:
        self._album.leave_hash(source, state)

    def opened(self, source: SourceIndex, state: HashState) -> SourceFile:
        # What is not read from its start can't be kept whole.
        if state.offset:
            return self.files.open(source)
        file = self.files.open_to_hash(source)
        if isinstance(file, DiskFile):
            file.begin(0, self.listing.sizes[source])
        return file

    def hashed(self, source: SourceIndex, file: SourceFile) -> None:
        if isinstance(file, DiskFile):
            self._album.kept.keep(source, file)


class AlbumChecksums(Crc32Column):
    """The CRC-32 values of one listing, by source."""

    def __init__(
        self, archive: ArchiveId, listing: Listing, storage: Storage, threads: HashThreads
    ) -> None:
        super().__init__(len(listing))
        self.listing = listing
        self.kept = KeptFiles(threads.kept_room)
        self._archive = archive
        self._storage = storage
        self._threads = threads
        self._rows = IndexRows(archive, listing, threads.index)
        self._jobs: dict[SourceIndex, HashJob] = {}
        self._learned: list[SourceIndex] = []
        self._stored_at_s = time.monotonic()
        self._loading: asyncio.Future[None] | None = None

    async def load(self) -> None:
        """Take what the index knows; it is asked once for all downloads of the listing."""
        if self._loading is None:
            self._loading = self._threads.in_index_thread(self._load)
        if not self._loading.done() or self._loading.exception():
            await asyncio.shield(self._loading)

    def learn(
        self, sources: Sequence[SourceIndex], crc32s: Iterable[int], *, read_from_ns: int
    ) -> None:
        """Note values, from any thread; `read_from_ns` is the Unix time when reading began."""
        super().learn(sources, crc32s, read_from_ns=read_from_ns)
        # Otherwise a second change in the same step of the clock would look like no change.
        if self.listing.has_settled(read_from_ns):
            self._learned += sources

    def flush(self) -> None:
        """Write learned values to the index, in its thread."""
        if self._learned:
            learned, self._learned, self._stored_at_s = self._learned, [], time.monotonic()
            self._threads.in_index_thread(lambda: self._store(learned))

    def flush_if_due(self) -> None:
        """Do the same where the last time is STORE_EVERY_S ago."""
        if self._learned and time.monotonic() - self._stored_at_s >= STORE_EVERY_S:
            self.flush()

    def begun(self, source: SourceIndex) -> HashState:
        """Return how far a file is hashed."""
        return self._threads.begun.state(self._archive, self.listing, source)

    def leave_hash(self, source: SourceIndex, state: HashState) -> None:
        """Keep how far a file is hashed, so that the next hash goes on from there."""
        self._threads.begun.keep(self._archive, self.listing, source, state=state)

    def request(self, sources: Sequence[SourceIndex]) -> HashJob:
        """Have files hashed, or join the work under way; the caller has to `leave` the job."""
        job = self._under_way(sources[0]) or self._start(sources)
        job.join()
        return job

    def is_requested(self, source: SourceIndex) -> bool:
        """Return whether a job has the file."""
        return source in self._jobs

    async def hashed(self, source: SourceIndex) -> None:
        """Wait until a value is known; raise DownloadFailed where the file can't be hashed."""
        while self.is_unknown(source):
            job = self.request([source])
            try:
                await job.finished()
            except DownloadFailed:
                # Otherwise it was another file's failure, in a job of another download.
                if job.sources == [source]:
                    raise
            finally:
                job.leave()

    def _start(self, sources: Sequence[SourceIndex]) -> HashJob:
        job = HashJob([s for s in sources if self.is_unknown(s) and not self._under_way(s)])
        self._jobs.update(dict.fromkeys(job.sources, job))
        self._threads.observe(HashingBacklogChanged(len(job.sources)))
        size_bytes = sum(self.listing.sizes[source] for source in job.sources)
        done = self._threads.hashing.submit(self._archive, self._hash(job), size_bytes=size_bytes)
        job.done = asyncio.wrap_future(done)
        job.done.add_done_callback(lambda done: self._end(job, done))
        return job

    def _under_way(self, source: SourceIndex) -> HashJob | None:
        job = self._jobs.get(source)
        return job if job is not None and job.is_under_way() else None

    def _end(self, job: HashJob, done: asyncio.Future[None]) -> None:
        self._threads.observe(HashingBacklogChanged(-len(job.sources)))
        for source in job.sources:
            if self._jobs.get(source) is job:
                del self._jobs[source]
        if not done.cancelled():
            done.exception()  # retrieved here too: all waiters may have left

    def _hash(self, job: HashJob) -> Generator[None, None, None]:
        if job.abandoned.is_set():
            return
        with self._threads.demand.busy(), self._storage.files(self._archive, self.listing) as files:
            for _ in _JobHashing(files, self).steps(job.sources):
                if job.abandoned.is_set():
                    return
                yield

    def _load(self) -> None:
        self._rows.load(self.values)

    def _store(self, sources: Sequence[SourceIndex]) -> None:
        self._rows.store(sources, self.values)


class HashThreads:
    """Where hashing and the index run: threads that the event loop never waits in.

    `observe` gets a HashingBacklogChanged as files begin and cease to wait to be hashed.
    """

    def __init__(
        self,
        index: CrcIndex,
        hashing: Executor,
        indexing: Executor,
        observe: Observe = ignore,
        demand: DiskDemand | None = None,
    ) -> None:
        self.index = index
        self.hashing = HashQueue(hashing)
        self.begun = BegunHashes()
        self.kept_room = Semaphore(MOST_KEPT)
        self.observe = observe
        self.demand = demand or DiskDemand()
        self._indexing = indexing

    def in_index_thread(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Run work in the one thread that uses the index."""
        return asyncio.get_running_loop().run_in_executor(self._indexing, work)


class Checksums:
    """Hands out one `AlbumChecksums` for all downloads of the same listing.

    Those of the last downloads are kept, so the next one does not ask the index.
    """

    def __init__(self, storage: Storage, threads: HashThreads) -> None:
        self._storage = storage
        self._threads = threads
        self._albums: WeakValueDictionary[tuple[str, bytes], AlbumChecksums] = WeakValueDictionary()
        self._recent: WeightedLRU[tuple[str, bytes], AlbumChecksums] = WeightedLRU(KEPT_FILES)

    def of(self, archive: ArchiveId, listing: Listing, fingerprint: bytes) -> AlbumChecksums:
        """Return the checksums of a listing, whose fingerprint is given."""
        album = self.peek(archive, listing, fingerprint)
        # A file that has just changed may change unnoticed: nothing is kept of it.
        if listing.has_settled(time.time_ns()):
            self._recent.put((archive.value, fingerprint), album, weight=weight_of(listing))
        return album

    def peek(self, archive: ArchiveId, listing: Listing, fingerprint: bytes) -> AlbumChecksums:
        """Return the same without keeping it for a next download."""
        key = (archive.value, fingerprint)
        album = self._recent.get(key) or self._albums.get(key)
        if album is None:
            album = AlbumChecksums(archive, listing, self._storage, self._threads)
            self._albums[key] = album
        return album

    async def tidy(self, albums: Sequence[str]) -> None:
        """Make room in the index, such as that of albums that no longer exist."""
        if albums:  # none at all: more likely a disk that is not mounted
            await self._threads.in_index_thread(lambda: self._threads.index.tidy(albums))


def weight_of(listing: Listing) -> int:
    """Return what an album takes of the room for KEPT_FILES."""
    return len(listing) + _FILES_PER_ALBUM
