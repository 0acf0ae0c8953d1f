"""The last listing of each list, given back while nothing that it was made of has changed."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_
from threading import Lock
from typing import NamedTuple

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.archive.lru import WeightedLRU
from archive_service.storage.file_lists.list_contents import FileList
from archive_service.storage.file_lists.list_place import ListTimes
from archive_service.storage.file_lists.merging import merged

_BYTES_PER_ENTRY = 200


class _Merged(NamedTuple):
    """A listing and what it was made of."""

    listing: Listing
    wanted: FileList
    times: ListTimes
    albums: Sequence[Listing | None]

    def is_of(self, wanted: FileList, times: ListTimes, albums: Sequence[Listing | None]) -> bool:
        """Return whether these are the same objects, so that merging them gives the same."""
        is_same_list = self.wanted is wanted and self.times == times
        return is_same_list and all(map(is_, self.albums, albums))

    @property
    def memory_bytes(self) -> int:
        """About how much memory this takes, without the listings of the albums."""
        return self.wanted.memory_bytes + _BYTES_PER_ENTRY * len(self.listing)


class MergedListings:
    """The last listings of lists; for calls from any thread.

    `room` is in bytes of memory.
    """

    def __init__(self, room: int) -> None:
        self._lock = Lock()
        self._lists: WeightedLRU[ArchiveId, _Merged] = WeightedLRU(room)

    def of(
        self,
        archive: ArchiveId,
        wanted: FileList,
        albums: Sequence[Listing | None],
        *,
        times: ListTimes,
    ) -> Listing:
        """Return the listing of a list; see `merged`.

        `albums` are the listings of what is wanted of each album, in that order.
        """
        with self._lock:
            last = self._lists.get(archive)
        if last and last.is_of(wanted, times, albums):
            return last.listing
        listing = merged(wanted, dict(zip(wanted.wanted, albums, strict=True)), times=times)
        if not listing.is_of_objects:  # a store lists them as other objects each time
            with self._lock:
                kept = _Merged(listing, wanted, times, albums)
                self._lists.put(archive, kept, weight=kept.memory_bytes)
        return listing
