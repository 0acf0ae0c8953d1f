"""From an archive's id to its representation, and from that to its bytes."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, takewhile
from threading import Lock

from archive_service.archive.errors import AlbumInMotion, FileNotInAlbum
from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import lay_out
from archive_service.archive.listing import Listing, parents_of_directories
from archive_service.archive.lru import WeightedLRU
from archive_service.archive.naming import NameRules, archive_names, original_name
from archive_service.archive.representation import ArchiveOptions, Representation, represent
from archive_service.archive.settling import NO_SETTLING, FirstSeen, SettlePolicy, SettlingWatch
from archive_service.checksums.album import KEPT_FILES, Checksums, HashThreads, weight_of
from archive_service.checksums.background.hasher import BackgroundHasher
from archive_service.checksums.crc_index.base import CrcIndex
from archive_service.checksums.disk_demand import DiskDemand
from archive_service.checksums.suspicion import AnnouncedFiles
from archive_service.observe.events import ArchiveAwaited, Observe, ignore
from archive_service.storage.base import Storage
from archive_service.transfer.content import ArchiveContent

_READING_THREADS = 32
"""Threads that may wait for the disk at once; an idle one costs next to nothing."""
_DESCRIBING_THREADS = 4
"""Apart from those that read: requests for large albums must not hold downloads up."""
_HASHING_THREADS = 8
"""More than one download may use, so that no visitor's large files hold up another's."""
KEPT_CONTENTS = 1000
"""Little albums whose packed headers are kept, at most 64 KiB each."""
_Wanted = tuple[ArchiveId, tuple[str, ...]]


class ArchiveService:
    """Describes archives and gives out their bytes."""

    def __init__(
        self,
        storage: Storage,
        index: CrcIndex,
        options: ArchiveOptions,
        patience: SettlePolicy = NO_SETTLING,
        observe: Observe = ignore,
    ) -> None:
        self._storage = storage
        self._index = index
        self._options = options
        self._patience = patience
        self._observe = observe
        self._sightings = FirstSeen()
        self._reading = ThreadPoolExecutor(_READING_THREADS, "read")
        self._describing = ThreadPoolExecutor(_DESCRIBING_THREADS, "describe")
        self._waiting: dict[_Wanted, Future[Representation]] = {}
        # An album is listed again for each request, but described again, which takes longer, only
        # where it is not what it was.
        self._described: WeightedLRU[ArchiveId, Representation] = WeightedLRU(KEPT_FILES)
        # A little album's content keeps the headers it has packed, for the next download.
        self._contents: WeightedLRU[ArchiveId, ArchiveContent] = WeightedLRU(KEPT_CONTENTS)
        self._lock = Lock()
        self._hashing = ThreadPoolExecutor(_HASHING_THREADS, "hash")
        self._indexing = ThreadPoolExecutor(1, "index")
        self._demand = DiskDemand()
        threads = HashThreads(index, self._hashing, self._indexing, observe, self._demand)
        self._checksums = Checksums(storage, threads)

    async def represent(self, archive: ArchiveId, files: Sequence[str] = ()) -> Representation:
        """Describe an archive, or the part of it that `files` names, once the album is still.

        No file is read.  Each pause is an ArchiveAwaited.

        A name is one in the archive or one before it was made portable; with a trailing slash
        it stands for a directory and all below it.
        Raise ArchiveNotFound, FileNotInAlbum, AlbumInMotion or StorageUnavailable.
        """
        watch = SettlingWatch(archive, self._patience, self._sightings, clock_s=time.monotonic())
        while True:
            try:
                found = self._unchanged(archive, files)
                if found is None:
                    description = self._description(archive, files)
                    found = await asyncio.shield(asyncio.wrap_future(description))
            except AlbumInMotion:
                pause_s = watch.look_again_s(clock_s=time.monotonic())
            else:
                pause_s = watch.pause_s(
                    found.layout.listing,
                    found.fingerprint,
                    now_ns=time.time_ns(),
                    clock_s=time.monotonic(),
                )
                if not pause_s:
                    return found
            self._observe(ArchiveAwaited(archive))
            await asyncio.sleep(pause_s)

    def content(self, representation: Representation) -> ArchiveContent:
        """Give access to the bytes of an archive."""
        archive, layout = representation.archive, representation.layout
        kept = self._contents.get(archive)
        if kept and kept.layout is layout:
            return kept
        listing = layout.listing
        checksums = self._checksums.of(archive, listing, representation.fingerprint)

        def open_album() -> AnnouncedFiles:
            files = self._storage.files(archive, listing)
            return AnnouncedFiles(files, listing, checksums.values.__getitem__)

        content = ArchiveContent(
            layout,
            checksums,
            open_album=open_album,
            threads=self._reading,
            demand=self._demand,
        )
        if layout.listing.snapshot:
            self._contents.put(archive, content, weight=1)
        return content

    def learner(self) -> BackgroundHasher:
        """Give access to learning without being asked; close it before the service."""
        return BackgroundHasher(self._storage, self._checksums, self._demand)

    async def check(self) -> None:
        """Make sure that albums can be listed; raise StorageUnavailable."""
        await asyncio.get_running_loop().run_in_executor(self._describing, self._storage.check)

    async def tidy_index(self) -> None:
        """Make room in the CRC index; raise StorageUnavailable."""
        await self._checksums.tidy()

    def close(self) -> None:
        """Write what was learned and end the threads; call it when nothing is being sent."""
        self._storage.close()
        self._describing.shutdown(cancel_futures=True)
        self._reading.shutdown(cancel_futures=True)
        self._hashing.shutdown(cancel_futures=True)
        self._indexing.submit(self._index.close)
        self._indexing.shutdown()

    def _unchanged(self, archive: ArchiveId, files: Sequence[str]) -> Representation | None:
        """Return what is known of a whole album, where it takes no waiting to see that it holds.

        A visit to a thread would cost more than all of a little album's description.
        """
        with self._lock:
            known = None if files else self._described.get(archive)
        if known and self._storage.is_unchanged(archive, known.layout.listing):
            return known
        return None

    def _description(self, archive: ArchiveId, files: Sequence[str]) -> Future[Representation]:
        """Have an archive described, or join those who wait for it and whose turn is to come."""
        wanted = (archive, tuple(dict.fromkeys(files)))
        with self._lock:
            if wanted not in self._waiting:
                self._waiting[wanted] = self._describing.submit(self._represent, *wanted)
            return self._waiting[wanted]

    def _represent(self, archive: ArchiveId, files: tuple[str, ...]) -> Representation:
        with self._lock:
            del self._waiting[archive, files]  # who comes now may know of a change since
        listing = self._storage.list(archive)
        fingerprint = listing.fingerprint()
        if files:
            return self._represented(archive, files, listing, fingerprint)
        with self._lock:
            known = self._described.get(archive)
        if known and known.fingerprint == fingerprint:
            return known
        representation = self._represented(archive, files, listing, fingerprint)
        with self._lock:
            self._described.put(archive, representation, weight=weight_of(listing))
        return representation

    def _represented(
        self, archive: ArchiveId, files: Sequence[str], listing: Listing, fingerprint: bytes
    ) -> Representation:
        names = archive_names(listing.paths, self._options.names)
        sources: Iterable[int] = range(len(listing))
        if files:
            sources = _subset(files, listing, names, self._options.names)
        layout = lay_out(listing, names, sources, zone=self._options.zone)
        return represent(archive, layout, fingerprint, self._options)


def _subset(
    files: Sequence[str], listing: Listing, names: Sequence[bytes], rules: NameRules
) -> set[int]:
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    for source, name in enumerate(names):
        by_name[name.decode()].append(source)
    if not by_name.keys() >= set(files):
        archived = set(by_name)
        for source, path in enumerate(listing.paths):
            original = original_name(path, rules)  # several paths may have one
            if original not in archived:
                by_name[original].append(source)
    ordered = sorted(by_name) if any(file.endswith("/") for file in files) else []
    named = {source for file in files for source in _named(file, by_name, ordered)}
    return named | set(parents_of_directories(listing, named))


def _named(
    file: str, by_name: Mapping[str, Sequence[int]], ordered: Sequence[str]
) -> Sequence[int]:
    if not file.endswith("/"):
        if file in by_name:
            return by_name[file]
        raise FileNotInAlbum
    following = islice(ordered, bisect_left(ordered, file), None)
    below = list(takewhile(lambda name: name.startswith(file), following))
    if not below:
        raise FileNotInAlbum
    return [source for name in below for source in by_name[name]]
