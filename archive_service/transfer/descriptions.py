"""The descriptions of albums: looked at anew for each request, and made anew where they changed.

Theory of operation.  Each request needs a listing that begins after it, for its visitor may know
of a change.  One listing of an album runs, and all who come meanwhile share the one that follows.
What the listing describes is laid out once for each version of the album: all connections of a
download share that, and it is kept for the next as far as there is room.  A part that a query names
is made from the description of the whole, not from a listing of its own.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice, takewhile
from threading import Lock
from typing import NamedTuple
from weakref import WeakValueDictionary

from archive_service.archive.errors import FileNotInAlbum, ListingTimedOut
from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import lay_out
from archive_service.archive.listing import Listing, parents_of_directories
from archive_service.archive.lru import WeightedLRU
from archive_service.archive.naming import NameRules, archive_names, original_name
from archive_service.archive.representation import ArchiveOptions, Representation, represent
from archive_service.archive.settling import UploadLook, UploadSign
from archive_service.checksums.album import KEPT_FILES, weight_of
from archive_service.storage.base import Storage
from archive_service.storage.lanes import LaneLimits, Lanes
from archive_service.transfer.shared_calls import SharedCalls

_CUTTING = LaneLimits(per_lane=1, usual=1, most=1)
"""To cut a part needs no disk, and more threads that compute would only wait for each other, and
the event loop for them."""


class _Part(NamedTuple):
    """Some files of one version of an album."""

    whole: Representation
    files: tuple[str, ...]


class Descriptions:
    """Describes albums; for calls from one event loop."""

    def __init__(
        self,
        storage: Storage,
        options: ArchiveOptions,
        lanes: Lanes,
        *,
        timeout_s: float,
        uploads: UploadLook,
    ) -> None:
        self._storage = storage
        self._options = options
        self._lanes = lanes
        self._timeout_s = timeout_s
        self._lock = Lock()
        self._recent: WeightedLRU[ArchiveId, Representation] = WeightedLRU(KEPT_FILES)
        self._in_use: WeakValueDictionary[ArchiveId, Representation] = WeakValueDictionary()
        self._parts: WeakValueDictionary[_Part, Representation] = WeakValueDictionary()
        self._listings = SharedCalls(self._begin_listing)
        self._uploads = uploads
        self._looks = SharedCalls(self._begin_look)
        self._cuttings = SharedCalls(self._begin_cutting)
        self._cutters = Lanes("cut", _CUTTING)

    def close(self) -> None:
        """End the threads that cut."""
        self._cutters.close()

    async def whole(self, archive: ArchiveId) -> Representation:
        """Describe an album as it is now.

        Raise ArchiveNotFound, AlbumInMotion or StorageUnavailable.
        """
        try:
            return await self._listings.fresh_result(archive, within_s=self._timeout_s)
        except asyncio.TimeoutError:
            raise ListingTimedOut from None

    async def upload_sign(self, whole: Representation) -> UploadSign | None:
        """Look at young files of an album for a sign that one is not whole; raise ListingTimedOut.

        A look begins after the listing of this call.
        """
        try:
            return await self._looks.fresh_result(whole, within_s=self._timeout_s)
        except asyncio.TimeoutError:
            raise ListingTimedOut from None

    async def part(self, whole: Representation, files: Sequence[str]) -> Representation:
        """Describe the part of an album that files name; raise FileNotInAlbum."""
        wanted = _Part(whole, tuple(dict.fromkeys(files)))
        return self._parts.get(wanted) or await self._cuttings.result(wanted)

    def _known(self, archive: ArchiveId) -> Representation | None:
        with self._lock:
            return self._recent.get(archive) or self._in_use.get(archive)

    def _begin_listing(self, archive: ArchiveId) -> Future[Representation]:
        return self._lanes.of(archive).submit(self._listed, archive)

    def _listed(self, archive: ArchiveId) -> Representation:
        known = self._known(archive)
        listing = self._storage.list(archive, known.layout.listing if known else None)
        if known and known.layout.listing is listing:
            return known
        fingerprint = listing.fingerprint()
        if known and known.fingerprint == fingerprint:
            return known
        names = archive_names(listing.paths, self._options.names)
        made = self._laid_out(archive, listing, names, range(len(listing)), fingerprint)
        with self._lock:
            self._recent.put(archive, made, weight=weight_of(listing))
            self._in_use[archive] = made
        return made

    def _begin_look(self, whole: Representation) -> Future[UploadSign | None]:
        return self._lanes.of(whole.archive).submit(self._look, whole)

    def _look(self, whole: Representation) -> UploadSign | None:
        return self._uploads.sign(whole.archive, whole.layout.listing, now_ns=time.time_ns())

    def _begin_cutting(self, wanted: _Part) -> Future[Representation]:
        return self._cutters.of(wanted.whole.archive).submit(self._cut, wanted)

    def _cut(self, wanted: _Part) -> Representation:
        whole, listing = wanted.whole, wanted.whole.layout.listing
        names = archive_names(listing.paths, self._options.names)
        sources = _subset(wanted.files, listing, names, self._options.names)
        made = self._laid_out(whole.archive, listing, names, sources, whole.fingerprint)
        with self._lock:
            self._parts[wanted] = made
        return made

    def _laid_out(
        self,
        archive: ArchiveId,
        listing: Listing,
        names: Sequence[bytes],
        sources: Iterable[int],
        fingerprint: bytes,
    ) -> Representation:
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
