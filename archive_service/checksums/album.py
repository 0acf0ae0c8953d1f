"""CRC-32 values of an album's files: from the index, or learned while its downloads run.

All downloads of one listing share one `AlbumChecksums`, so a file is hashed once however many
wait for it, and its value is kept even when the one who asked has left.  A job that nobody waits
for any more stops within one block.
"""

from __future__ import annotations

import asyncio
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from weakref import WeakValueDictionary

from zlib_ng import zlib_ng

from archive_service.archive.errors import DownloadFailed, SourceUnreadable
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.archive.lru import WeightedLRU
from archive_service.checksums.crc_index.base import CrcIndex
from archive_service.checksums.disk_demand import DiskDemand
from archive_service.observe.events import HashingBacklogChanged, Observe, ignore
from archive_service.storage.base import SourceFile, Storage
from archive_service.storage.lanes import note_progress

UNKNOWN = -1
_OF_NOTHING = 0  # the CRC-32 of a directory
BLOCK_SIZE = 512 * 1024
"""Bytes hashed between two looks at whether anybody still waits."""
STORE_EVERY_S = 5.0
"""How often what is learned on the way is written to the index."""
KEPT_FILES = 100_000
"""Files whose values are kept in memory for the next download."""
_FILES_PER_ALBUM = 30
"""An album takes as much memory as so many files, beside its own."""


class HashJob:
    """Files being hashed in a worker thread for as long as anybody waits."""

    def __init__(self, sources: Sequence[int]) -> None:
        self.sources = sources
        self.abandoned = threading.Event()
        self.done: asyncio.Future[None] | None = None
        self._waiters = 0

    def is_under_way(self) -> bool:
        """Tell whether the work can be joined: it goes on, and somebody waits for it."""
        is_done = self.done is not None and self.done.done()
        return not is_done and not self.abandoned.is_set()

    def join(self) -> None:
        """Wait for the job too; each call is to be matched by one of `leave`."""
        self._waiters += 1

    def leave(self) -> None:
        """Wait no more; the last to leave stops the work."""
        self._waiters -= 1
        if not self._waiters:
            self.abandoned.set()

    async def finished(self) -> None:
        """Wait until the values are known; raise DownloadFailed where a file can't be hashed."""
        if self.done is not None:
            await asyncio.shield(self.done)


class AlbumChecksums:
    """The CRC-32 values of one listing, by source."""

    def __init__(
        self, archive: ArchiveId, listing: Listing, storage: Storage, threads: HashThreads
    ) -> None:
        self.values = array("q", [UNKNOWN]) * len(listing)
        self._archive = archive
        self._listing = listing
        self._storage = storage
        self._threads = threads
        self._jobs: dict[int, HashJob] = {}
        self._learned: list[int] = []
        self._stored_at_s = time.monotonic()
        self._loading: asyncio.Future[None] | None = None

    async def load(self) -> None:
        """Take what the index knows; it is asked once for all downloads of the listing."""
        if self._loading is None:
            self._loading = self._threads.in_index_thread(self._load)
        if not self._loading.done() or self._loading.exception():
            await asyncio.shield(self._loading)

    def learn(self, sources: Sequence[int], crc32s: Iterable[int], *, read_from_ns: int) -> None:
        """Note values, from any thread; `read_from_ns` is the Unix time the reading began."""
        for source, value in zip(sources, crc32s, strict=True):
            self.values[source] = value
        # Or else a second change in the same step of the clock would look like no change.
        if self._listing.has_settled(read_from_ns):
            self._learned += sources

    def store_learned(self, *, is_end: bool = True) -> None:
        """Write what was learned to the index, in its thread; on the way only now and then."""
        now_s = time.monotonic()
        if self._learned and (is_end or now_s - self._stored_at_s >= STORE_EVERY_S):
            learned, self._learned, self._stored_at_s = self._learned, [], now_s
            self._threads.in_index_thread(lambda: self._store(learned))

    def request(self, sources: Sequence[int]) -> HashJob:
        """Have files hashed, or join the work that is under way; the caller has to `leave` it."""
        job = self._under_way(sources[0]) or self._start(sources)
        job.join()
        return job

    async def hashed(self, source: int) -> None:
        """Wait until a value is known; raise DownloadFailed where the file can't be hashed."""
        while self.values[source] == UNKNOWN:
            job = self.request([source])
            try:
                await job.finished()
            except DownloadFailed:
                # Or else it was another file's failure, in a job begun for another download.
                if job.sources == [source]:
                    raise
            finally:
                job.leave()

    def _start(self, sources: Sequence[int]) -> HashJob:
        job = HashJob([s for s in sources if self.values[s] == UNKNOWN and not self._under_way(s)])
        self._jobs.update(dict.fromkeys(job.sources, job))
        self._threads.observe(HashingBacklogChanged(len(job.sources)))
        job.done = self._threads.in_hash_thread(lambda: self._hash(job))
        job.done.add_done_callback(lambda done: self._end(job, done))
        return job

    def _under_way(self, source: int) -> HashJob | None:
        job = self._jobs.get(source)
        return job if job is not None and job.is_under_way() else None

    def _end(self, job: HashJob, done: asyncio.Future[None]) -> None:
        self._threads.observe(HashingBacklogChanged(-len(job.sources)))
        for source in job.sources:
            if self._jobs.get(source) is job:
                del self._jobs[source]
        if not done.cancelled():
            done.exception()  # seen here too, for nobody may be waiting any more

    def _hash(self, job: HashJob) -> None:
        with self._storage.files(self._archive, self._listing) as files:
            for source in job.sources:
                if job.abandoned.is_set():
                    return
                note_progress(self._archive)
                started_ns = time.time_ns()
                value = files.known_crc32(source)
                if value is None:
                    with files.open_to_hash(source) as file:
                        value = hash_file(file, job.abandoned)
                        files.verify(file, source)
                if job.abandoned.is_set():
                    return
                self.learn([source], [value], read_from_ns=started_ns)

    def _load(self) -> None:
        for source, path in enumerate(self._listing.paths):
            if path.endswith(b"/"):
                self.values[source] = _OF_NOTHING
        known = self._threads.index.load(self._archive)
        if not known:
            return
        matched = 0
        versions = self._threads.index.versions(self._listing, range(len(self._listing)))
        for source, (path, version) in enumerate(zip(self._listing.paths, versions, strict=True)):
            known_version, value = known.get(path, (b"", UNKNOWN))
            if version == known_version:
                self.values[source] = value
                matched += 1
        if matched < len(known) and (gone := known.keys() - set(self._listing.paths)):
            self._threads.index.forget(self._archive, gone)

    def _store(self, sources: Sequence[int]) -> None:
        paths = map(self._listing.paths.__getitem__, sources)
        values = map(self.values.__getitem__, sources)
        versions = self._threads.index.versions(self._listing, sources)
        rows = list(zip(paths, versions, values, strict=True))
        self._threads.index.store(self._archive, rows)


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
        self.observe = observe
        self._demand = demand or DiskDemand()
        self._hashing = hashing
        self._indexing = indexing

    def in_hash_thread(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Run work that a download needs in one of the hashing threads."""

        def run() -> None:
            with self._demand.busy():
                work()

        return asyncio.get_running_loop().run_in_executor(self._hashing, run)

    def in_index_thread(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Run work in the one thread that uses the index."""
        return asyncio.get_running_loop().run_in_executor(self._indexing, work)


class Checksums:
    """Hands out one `AlbumChecksums` for all who download the same listing.

    Those of the last downloads are kept, so that the next needs no look at the index.
    """

    def __init__(self, storage: Storage, threads: HashThreads) -> None:
        self._storage = storage
        self._threads = threads
        self._albums: WeakValueDictionary[tuple[str, bytes], AlbumChecksums] = WeakValueDictionary()
        self._recent: WeightedLRU[tuple[str, bytes], AlbumChecksums] = WeightedLRU(KEPT_FILES)

    def of(self, archive: ArchiveId, listing: Listing, fingerprint: bytes) -> AlbumChecksums:
        """Return the checksums of a listing, whose fingerprint is given."""
        album = self.peek(archive, listing, fingerprint)
        # What has just changed may change unnoticed: nothing is kept of it.
        if listing.has_settled(time.time_ns()):
            self._recent.put((archive.value, fingerprint), album, weight=weight_of(listing))
        return album

    def peek(self, archive: ArchiveId, listing: Listing, fingerprint: bytes) -> AlbumChecksums:
        """Return the same, of which nothing is kept for a next download: there may be none."""
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


class _Blocks(threading.local):
    def __init__(self) -> None:
        self.block = memoryview(bytearray(BLOCK_SIZE))


_blocks = _Blocks()


def thread_block() -> memoryview:
    """Return the calling thread's own buffer of a block.

    To make one for each file would take longer than to hash a small one.
    """
    return _blocks.block


def hash_file(file: SourceFile, abandoned: threading.Event) -> int:
    """Return the CRC-32 of a file, or nothing of use once it is abandoned.

    Raise SourceUnreadable.
    """
    buffer = thread_block()
    value = 0
    try:
        while (count := file.readinto(buffer)) and not abandoned.is_set():
            value = zlib_ng.crc32(buffer[:count], value)
            note_progress()
    except OSError as error:
        raise SourceUnreadable.of(error) from None
    return value
