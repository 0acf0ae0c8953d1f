"""Describes albums: lists them for each request, and lays them out again when they have changed.

Theory of operation.  Each request needs a listing that begins after it, because its visitor may
know of a change.  One listing of an album runs; all requests that come meanwhile share the next
one.  Each version of an album is laid out once.  All connections of a download share that
description, and it is kept for later requests while there is room.  A part that a query names is
made from the description of the whole album, not from a listing of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from threading import Lock
from typing import Generic, NamedTuple, TypeVar, cast
from weakref import WeakValueDictionary

from archive_service.archive.errors import (
    LONG_LISTING,
    ArchiveServiceError,
    ListingTimedOut,
    StorageUnavailable,
)
from archive_service.archive.file_lookup import FileLookup
from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import lay_out
from archive_service.archive.listing import Listing
from archive_service.archive.lru import WeightedLRU
from archive_service.archive.naming import archive_names
from archive_service.archive.representation import (
    ArchiveOptions,
    Representation,
    excerpt,
    represent,
)
from archive_service.archive.settling import UploadLook, UploadSign
from archive_service.checksums.album import AlbumChecksums
from archive_service.checksums.album_registry import AlbumRegistry
from archive_service.storage.album_disk import AlbumDisk, Load
from archive_service.storage.lane_limits import ONE_THREAD
from archive_service.storage.thread_lanes import Lanes
from archive_service.storage.thread_progress import note_progress
from archive_service.transfer.shared_calls import SharedCalls

KEPT_FILES = 100_000
"""Files of the descriptions that are kept for later requests, with their checksums."""
_LATEST_HELD_S = 10.0
"""How long the last description is held that is too large to be kept.  Clients that ask for it and
leave would have it made anew each time."""
_FILES_PER_ALBUM = 30
"""The memory that an album takes beside its files, counted in files."""
_Value = TypeVar("_Value")


class LatestValue(Generic[_Value]):
    """Holds one value, until another comes or a time is over; for calls from one event loop."""

    def __init__(self, held_s: float) -> None:
        self._held_s = held_s
        self._value: _Value | None = None
        self._dropping: asyncio.TimerHandle | None = None

    def hold(self, value: _Value) -> None:
        """Hold a value instead of an earlier one; its time begins now."""
        if self._dropping:
            self._dropping.cancel()
        self._value = value
        self._dropping = asyncio.get_running_loop().call_later(self._held_s, self._drop)

    def _drop(self) -> None:
        self._value = self._dropping = None


class _Part(NamedTuple):
    """Some files of one version of an album."""

    whole: Representation
    files: tuple[str, ...]


class Descriptions:
    """Describes albums; for calls from one event loop."""

    def __init__(
        self,
        options: ArchiveOptions,
        disk_of: Callable[[ArchiveId], AlbumDisk],
        albums: AlbumRegistry,
        *,
        timeout_s: float,
        uploads: UploadLook,
    ) -> None:
        self._storage = albums.storage
        self._options = options
        self._disk_of = disk_of
        self._albums = albums
        self._timeout_s = timeout_s
        self._lock = Lock()
        self._recent: WeightedLRU[ArchiveId, Representation] = WeightedLRU(KEPT_FILES)
        self._latest_large: LatestValue[Representation] = LatestValue(_LATEST_HELD_S)
        self._in_use: WeakValueDictionary[ArchiveId, Representation] = WeakValueDictionary()
        self._parts: WeakValueDictionary[_Part, Representation] = WeakValueDictionary()
        self._listings = SharedCalls(self._begin_listing)
        self._uploads = uploads
        self._looks = SharedCalls(self._begin_look)
        self._cuttings = SharedCalls(self._begin_cutting)
        # More threads that compute would only wait for each other, and delay the event loop.
        self._cutters = Lanes("cut", ONE_THREAD)
        self._cuts = 0
        """Parts that wait to be cut, or are cut."""
        self._last_cut: tuple[Representation, FileLookup] | None = None

    def close(self) -> None:
        """End the threads that cut."""
        self._cutters.close()

    async def whole(self, archive: ArchiveId) -> Representation:
        """Describe an album as it is now.

        Raise ArchiveNotFound, AlbumInMotion or StorageUnavailable.
        """
        known = self._known(archive)
        if known and self._disk_of(archive).at_once(
            partial(self._is_unchanged, known), _load_of(known)
        ):
            return known
        try:
            return await self._listings.fresh_result(archive, within_s=self._timeout_s)
        except asyncio.TimeoutError:
            if self._disk_of(archive).is_led_on():
                raise StorageUnavailable(LONG_LISTING) from None
            raise ListingTimedOut from None

    async def upload_sign(self, whole: Representation) -> UploadSign | None:
        """Check young files of an album for a sign that one is incomplete; raise ListingTimedOut.

        The check begins after this call.
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
        listing = self._disk_of(archive).begin(partial(self._listed, archive), Load.MUCH)
        asyncio.wrap_future(listing).add_done_callback(self._hold_large)
        return listing

    def _hold_large(self, listing: asyncio.Future[Representation]) -> None:
        if listing.cancelled() or listing.exception():
            return
        if len(listing.result().layout.listing) > KEPT_FILES:
            self._latest_large.hold(listing.result())

    def _is_unchanged(self, known: Representation) -> bool:
        """List an album again; return False where the index has to be asked."""
        contents = checksums_of(known)
        if not contents.may_be_kept or self._albums.is_due(contents):
            return False
        try:
            return _fingerprint(self._storage.list(known.archive), known) == known.fingerprint
        except ArchiveServiceError:
            return False

    def _listed(self, archive: ArchiveId) -> Representation:
        known = self._known(archive)
        listing = self._storage.list(archive)
        note_progress()
        fingerprint = _fingerprint(listing, known)
        if known and known.fingerprint == fingerprint and self._is_current(known):
            return known
        contents = self._albums.loaded(archive, listing, fingerprint)
        note_progress()
        names = archive_names(listing.paths, self._options.names)
        note_progress()
        layout = lay_out(listing, names, listing.sources(), zone=self._options.zone)
        note_progress()
        made = represent(archive, layout, fingerprint, self._options, contents)
        contents.remember_date(made.etag, made.changed_s)
        with self._lock:
            self._recent.put(archive, made, weight=len(listing) + _FILES_PER_ALBUM)
            self._in_use[archive] = made
        return made

    def _is_current(self, known: Representation) -> bool:
        contents = checksums_of(known)
        return self._albums.is_current(known.archive, contents, known.fingerprint)

    def _begin_look(self, whole: Representation) -> Future[UploadSign | None]:
        return self._disk_of(whole.archive).begin(partial(self._look, whole), _load_of(whole))

    def _look(self, whole: Representation) -> UploadSign | None:
        return self._uploads.sign(whole.archive, whole.layout.listing, now_ns=time.time_ns())

    def _begin_cutting(self, wanted: _Part) -> Future[Representation]:
        with self._lock:
            self._cuts += 1
        cutting = self._cutters.of(wanted.whole.archive).submit(self._cut, wanted)
        cutting.add_done_callback(self._end_cutting)
        return cutting

    def _end_cutting(self, _cutting: Future[Representation]) -> None:
        with self._lock:
            self._cuts -= 1
            if not self._cuts:
                self._last_cut = None

    def _cut(self, wanted: _Part) -> Representation:
        entries = self._lookup_in(wanted.whole).entries(wanted.files)
        made = excerpt(wanted.whole, entries)
        with self._lock:
            self._parts[wanted] = made
        return made

    def _lookup_in(self, whole: Representation) -> FileLookup:
        """Return the files of an album by name; for the one thread that cuts."""
        last = self._last_cut
        if not (last and last[0] is whole):
            last = self._last_cut = whole, FileLookup(whole.layout, self._options.names)
        return last[1]


def _load_of(whole: Representation) -> Load:
    """Return what it takes to list an album again, or to look at its files."""
    listing = whole.layout.listing
    return Load.MUCH if listing.listed else Load.of_files(len(listing))  # a list has its own disk


def _fingerprint(listing: Listing, known: Representation | None) -> bytes:
    """Digest a listing, unless it is the one that was described last."""
    if known and listing is known.layout.listing:
        return known.fingerprint
    return fingerprint_of(listing)


def checksums_of(representation: Representation) -> AlbumChecksums:
    """Return the checksums whose stamps the entity tag digests."""
    return cast(AlbumChecksums, representation.contents)
