"""CRC-32 values of an album's files: from the index, or learned while its downloads run.

All downloads of one listing share one `AlbumChecksums`, so a file is hashed once however many
wait for it, and its value is kept even when the client that asked has left.  A job whose last
waiter leaves stops within one block; the next one goes on from there.

The index is read once, before the album is described: the entity tag digests the stamps of its
rows, and each stamp stands for one content.  A suspected file is read before anything of it is
sent.  Where its value is another, the row gets a new stamp, and what was described with the old one
is superseded: its downloads are cut, and the next request is described anew.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from bisect import bisect_right
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from itertools import accumulate
from threading import Lock

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.checksums.album_hashing import JobHashing, SettlingHashing
from archive_service.checksums.begun_hashes import HashKey
from archive_service.checksums.crc32_column import UNKNOWN, Crc32Column, rewritten
from archive_service.checksums.crc_index.base import Rows
from archive_service.checksums.files_kept_open import KeptFiles
from archive_service.checksums.hash_job import HashJob, HashJobs
from archive_service.checksums.hash_threads import HashThreads
from archive_service.checksums.known_files import ALBUM_PATH, KnownFiles
from archive_service.checksums.suspected_files import AnnouncedFiles
from archive_service.checksums.unread_files import UnreadFiles
from archive_service.storage.base import AlbumFiles, Storage

STORE_EVERY_S = 5.0
"""How often learned values are written to the index during a download."""
STORED_AT_ONCE = 8192
"""So many are written at once: descriptions wait while the index takes them."""
SOON_READ_BYTES = 64 * 1024 * 1024
"""The most bytes of suspected files that are read before a description is used."""
_LATEST_S = 2**32 - 1
"""The latest date that a row of the index can hold."""
_Compared = tuple[Sequence[SourceIndex], list[int], Mapping[SourceIndex, int]]


class AlbumChecksums(Crc32Column):
    """The CRC-32 values of one listing, by source, and the stamps of its files."""

    def __init__(
        self, archive: ArchiveId, listing: Listing, storage: Storage, threads: HashThreads
    ) -> None:
        super().__init__(len(listing))
        self.listing = listing
        self.begun = threads.begun
        self.kept = KeptFiles(threads.kept_room)
        self.unread = UnreadFiles(listing, self._files, threads.write_watches)
        self.earlier: Sequence[AlbumChecksums] = ()
        """Of other listings of the album: stamps that are still true are taken from them."""
        self.is_superseded = False
        """Whether a file has another content than its stamp stands for."""
        self.is_written = False
        """Whether a program may write to a file through a mapping, which may move no time."""
        self.looked_at_s = time.monotonic()
        """When the index was read, or was found to say the same."""
        self._archive = archive
        self._storage = storage
        self._threads = threads
        self.jobs = HashJobs(self.is_unknown, self._begin, threads.observe)
        self._learned: list[SourceIndex] = []
        self._stored_at_s = time.monotonic()
        self._is_lasting = listing.has_settled(time.time_ns())
        self._known = KnownFiles(archive, listing)
        self._lock = Lock()
        self._loading: Future[None] | None = None
        self._settling: Future[None] | None = None
        self._is_described = self._is_provisional = False
        for source, crc32 in self._known.crc32s.items():
            self.values[source] = crc32

    @property
    def stamps(self) -> array[int] | None:
        """The stamps of all sources; None for objects.  See `file_version`."""
        return self._known.stamps

    @property
    def may_be_kept(self) -> bool:
        """Whether the values stand for the listing as long as it stays what it is.

        A file that has just changed, or is written to, may change again unnoticed, and the index
        may not have answered.
        """
        is_final = not (self._is_provisional or self.is_superseded or self.is_written)
        return self._is_lasting and is_final

    async def load(self) -> None:
        """Take what the index knows."""
        loading = self.begin_load()
        if not loading.done():
            await asyncio.shield(asyncio.wrap_future(loading))

    def begin_load(self) -> Future[None]:
        """Have the index read, once."""
        with self._lock:
            if self._loading is None:
                self._loading = self._threads.in_index_thread(self._load)
            return self._loading

    def wait_loaded(self) -> None:
        """Wait until the index has answered, in a thread; go on without it where it does not.

        What is described from here on has the stamps of this moment.
        """
        self._threads.wait_for_index(self.begin_load())
        with self._lock:
            self._is_provisional = not self._is_described

    def date_of(self, etag: str) -> int | None:
        """Return the remembered date of a description of the album; see `remember_date`."""
        date = self._known.date
        return date[1] if date and date[0] == etag else None

    def remember_date(self, etag: str, changed_s: int | None) -> None:
        """Keep the date that a description has from now on, in all processes."""
        if changed_s is None or self._is_provisional or not 0 <= changed_s <= _LATEST_S:
            return
        if not self.listing.has_files():  # the date of what was mounted here is kept
            return
        if self._known.date != (etag, changed_s):
            self._known.date = etag, changed_s
            row = Rows([ALBUM_PATH], etag.strip('"').encode(), [changed_s])
            self._threads.in_index_thread(lambda: self._threads.index.store(self._archive, row))

    def agrees_with(self, later: AlbumChecksums) -> bool:
        """Return whether the index still says the same of the same listing."""
        return self.stamps == later.stamps and all(
            mine in (UNKNOWN, theirs) or theirs == UNKNOWN
            for mine, theirs in zip(self.values, later.values, strict=True)
        )

    def announced(self, source: SourceIndex) -> int:
        """Return the CRC-32 that a file has unless it was rewritten; UNKNOWN if none is known."""
        value = self.values[source]
        return self._known.suspected.get(source, UNKNOWN) if value == UNKNOWN else value

    def is_prompt(self) -> bool:
        """Return whether the album lies on local disks alone; see `Storage.is_prompt`."""
        return self._storage.is_prompt(self._archive)

    def is_suspected(self, source: SourceIndex) -> bool:
        """Return whether a file must be read before anything of it is sent."""
        return source in self._known.suspected and self.is_unknown(source)

    def learn(
        self, sources: Sequence[SourceIndex], crc32s: Iterable[int], *, read_from_ns: int
    ) -> None:
        """Note values, from any thread; `read_from_ns` is the Unix time when reading began.

        Raise SourceChanged where a value differs from the expected or known one.
        """
        learned, values = sources, list(crc32s)
        others: Mapping[SourceIndex, int] = {}
        if self._known.suspected or not self.are_unknown(sources):  # else none is contradicted
            learned, values, others = self._compared(dict(zip(sources, values, strict=True)))
        super().learn(learned, values, read_from_ns=read_from_ns)
        # Otherwise a second change in the same step of the clock would look like no change.
        has_settled = self.listing.has_settled(read_from_ns) and not self.is_written
        if has_settled:
            self._learned += learned
        if others:
            store = partial(self._known.store, values=others)
            change = store if has_settled else self._known.forget
            self._threads.in_index_thread(lambda: change(self._threads.index, others))
            self._supersede()
            raise rewritten(next(iter(others)))

    def _compared(self, read: Mapping[SourceIndex, int]) -> _Compared:
        """Return the new values as columns, and by source those of files with another content."""
        values = {source: crc32 for source, crc32 in read.items() if self.values[source] != crc32}
        if contradicted := [source for source in values if self.values[source] != UNKNOWN]:
            self._doubt_all(contradicted)
        others = self._known.others(values)
        learned = [source for source in values if source not in others]
        return learned, [values[source] for source in learned], others

    def _doubt_all(self, contradicted: Iterable[SourceIndex]) -> None:
        """Have the album read again: one of its files was rewritten, and no time showed it.

        Otherwise each rewritten file would cut a download of its own.
        """
        files = self.listing.files()
        known = {source: self.values[source] for source in files if not self.is_unknown(source)}
        for source in contradicted:
            self._known.contradict(source, self.values[source])
        self._learned = []
        self._threads.in_index_thread(lambda: self._known.doubt(self._threads.index, known))

    def flush(self) -> None:
        """Write learned values to the index, in its thread."""
        if self._learned:
            learned, self._learned, self._stored_at_s = self._learned, [], time.monotonic()
            store = partial(self._known.store, self._threads.index, learned, self.values)
            self._threads.in_index_thread(store)

    def flush_if_due(self) -> None:
        """Do the same where the last time is STORE_EVERY_S ago, or many values are collected."""
        is_due = time.monotonic() - self._stored_at_s >= STORE_EVERY_S
        if is_due or len(self._learned) >= STORED_AT_ONCE:
            self.flush()

    def hash_key(self, source: SourceIndex) -> HashKey:
        """Return the key of a file in `begun`."""
        album, path = self.listing.origin(self._archive, source)
        return album.value, path, self.listing.versions([source])

    def begin_settling(self) -> Future[None] | None:
        """Have the suspected files read that take little time; return None if there are none.

        The others are read afterwards, if `HashThreads.reads_behind` is set.
        """
        if not self._known.suspected:
            return None
        with self._lock:
            if self._settling is None:
                sizes = self.listing.sizes
                suspected = sorted(self._known.suspected, key=sizes.__getitem__)
                stops = list(accumulate(map(sizes.__getitem__, suspected)))
                soon = bisect_right(stops, SOON_READ_BYTES)
                self._settling = self._settle(suspected[:soon])
                if self._threads.reads_behind and suspected[soon:]:
                    self._settle(suspected[soon:])
            return self._settling

    def _supersede(self) -> None:
        """Have all suspected files read: otherwise each would cut a download of its own."""
        with self._lock:
            if self.is_superseded:
                return
            self.is_superseded = True
        self._settle(list(self._known.suspected))

    def _settle(self, sources: Sequence[SourceIndex]) -> Future[None]:
        return self._submit(self._settling_steps(sources), sources)

    def _begin(self, job: HashJob) -> Future[None]:
        return self._submit(self._hash(job), job.sources)

    def _submit(
        self, steps: Generator[None, None, None], sources: Sequence[SourceIndex]
    ) -> Future[None]:
        size_bytes = sum(self.listing.sizes[source] for source in sources)
        return self._threads.hashing.submit(self._archive, steps, size_bytes=size_bytes)

    def _settling_steps(self, sources: Sequence[SourceIndex]) -> Generator[None, None, None]:
        with AnnouncedFiles(self._files(), self.listing, self.announced) as files:
            for _ in SettlingHashing(files, self).steps(filter(self.is_suspected, sources)):
                self.flush_if_due()
                yield
        self.flush()

    def _hash(self, job: HashJob) -> Generator[None, None, None]:
        if job.abandoned.is_set():
            return
        announced = AnnouncedFiles(
            self._files(), self.listing, self.announced, is_unwritten=self.unread.is_unwritten
        )
        with self._threads.demand.busy(), announced as files:
            for _ in JobHashing(files, self).steps(job.sources):
                if job.abandoned.is_set():
                    return
                yield

    def _load(self) -> None:
        found = KnownFiles(self._archive, self.listing)
        found.load(self._threads.index)
        earlier, self.earlier = self.earlier, ()
        for other in earlier:
            found.inherit(other.unread, other.stamps)
        with self._lock:
            if self._is_provisional:  # it was described without the index
                return
            self._is_described = True
            self._known = found
            super().learn(list(found.crc32s), found.crc32s.values(), read_from_ns=0)
        found.crc32s.clear()  # they are in the column
        if found.gone:
            self._threads.index.forget(self._archive, found.gone)

    def _files(self) -> AbstractContextManager[AlbumFiles]:
        return self._storage.files(self._archive, self.listing)
