"""Albums, and lists of files of albums: an archive for each directory, and for each list.

Theory of operation.  An id is looked up among the albums first: a directory wins over a list.  A
list is read again when its file has changed.  What it names is then listed by the storage of the
albums, which knows how to open a path, what links may lead to and what is left out; so a list
reaches nothing that an archive of an album does not have.  A list that can't be used is as good as
none for a visitor, and one event for the operator.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import compress
from threading import Lock

from archive_service.archive.errors import ArchiveNotFound
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.archive.lru import WeightedLRU
from archive_service.observe.events import Observe, ignore
from archive_service.observe.recurrence import once
from archive_service.observe.storage_events import ListRejected
from archive_service.storage.base import AlbumFiles, Storage
from archive_service.storage.file_lists.list_contents import FileList
from archive_service.storage.file_lists.list_model import ListBroken
from archive_service.storage.file_lists.list_place import ListPlace, ListTimes
from archive_service.storage.file_lists.merged_listings import MergedListings
from archive_service.storage.wanted_tree import WantedTree
from archive_service.storage.wrapped_files import WrappedFiles

_KEPT_BYTES = 75_000_000
"""Memory for lists as they were read."""
_MERGED_BYTES = 75_000_000
"""Memory for the listings of lists, with what was read of them."""


class ListedStorage:
    """A storage of albums with the lists of a place; see `Storage`."""

    def __init__(self, albums: Storage, place: ListPlace, observe: Observe = ignore) -> None:
        self._albums = albums
        self._place = place
        self._observe = once(observe)
        self._lock = Lock()
        self._read: WeightedLRU[ArchiveId, tuple[bytes, FileList]] = WeightedLRU(_KEPT_BYTES)
        self._merged = MergedListings(_MERGED_BYTES)

    def list(self, archive: ArchiveId) -> Listing:
        """List an album, or what a list names; see `Storage.list`."""
        try:
            return self._albums.list(archive)
        except ArchiveNotFound:
            try:
                return self.listed(archive)
            except ListBroken as error:
                self._observe(ListRejected(archive, error.reason, error.entry))
                raise ArchiveNotFound from None

    def listed(self, archive: ArchiveId) -> Listing:
        """List what a list names; raise ArchiveNotFound, ListBroken or StorageUnavailable."""
        found, times = self._found(archive)
        albums = self._albums.select(archive, found.wanted)
        return self._merged.of(archive, found, albums, times=times)

    def select(
        self, archive: ArchiveId, wanted: Mapping[ArchiveId, WantedTree]
    ) -> Sequence[Listing | None]:
        """List some files of albums; see `Storage.select`."""
        return self._albums.select(archive, wanted)

    def files(
        self, archive: ArchiveId, listing: Listing, close: Callable[[int], object] = os.close
    ) -> AbstractContextManager[AlbumFiles]:
        """Give access to the files of a listing; see `Storage.files`."""
        files = self._albums.files(archive, listing, close)
        texts = listing.listed.texts if listing.listed else {}
        return FilesWithTexts(files, texts) if texts else files

    def check(self) -> bool:
        """Look for albums; see `Storage.check`."""
        return self._albums.check()

    def albums(self) -> Sequence[str]:
        """Name what may be an album, no list; see `Storage.albums`."""
        return self._albums.albums()

    def archives(self) -> Sequence[str]:
        """Name what may be an album, and all lists; see `Storage.archives`."""
        albums = self._albums.archives()
        return [*albums, *self.lists()] if albums else []

    def lists(self) -> Sequence[str]:
        """Return the ids of all lists; raise StorageUnavailable."""
        return self._place.names()

    def place(self, archive: ArchiveId) -> str:
        """Name what an album lies on; see `Storage.place`."""
        return self._albums.place(archive)

    def is_prompt(self, archive: ArchiveId) -> bool:
        """Return whether an album lies on local disks; see `Storage.is_prompt`."""
        return self._albums.is_prompt(archive)

    def is_at_hand(self, archive: ArchiveId) -> bool:
        """Return whether an album lies on local disks and is cached; see `Storage.is_at_hand`."""
        return self._albums.is_at_hand(archive)

    def close(self) -> None:
        """Free what both hold; see `Storage.close`."""
        self._place.close()
        self._albums.close()

    def _found(self, archive: ArchiveId) -> tuple[FileList, ListTimes]:
        """Return a list and when it was changed."""
        with self._lock:
            known = self._read.get(archive)
        file = self._place.read(archive, known[0] if known else b"")
        if file is None:
            raise ArchiveNotFound
        if known and file.content is None:
            return known[1], file.times
        found = FileList.of(file.content or b"")
        if file.version:
            with self._lock:
                self._read.put(archive, (file.version, found), weight=found.memory_bytes)
        return found, file.times


class FilesWithTexts(WrappedFiles):
    """The files of albums, and texts by source; see `AlbumFiles`.

    A text is small, and its CRC-32 is known from the start, so it is only read whole.
    """

    def __init__(
        self, opened: AbstractContextManager[AlbumFiles], texts: Mapping[int, bytes]
    ) -> None:
        super().__init__(opened)
        self._texts = texts

    def read_into(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> None:
        """Read small files whole; see `AlbumFiles.read_into`."""
        files, places = self._without_texts(buffer, sources, positions)
        if files:
            self._files.read_into(buffer, files, places)

    def read_cached(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> bool:
        """Read files whole if all are in memory; see `AlbumFiles.read_cached`."""
        files, places = self._without_texts(buffer, sources, positions)
        return not files or self._files.read_cached(buffer, files, places)

    def _without_texts(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> tuple[list[SourceIndex], list[int]]:
        """Put the texts into the buffer; return the others, and their positions."""
        is_file = []
        for source, position in zip(sources, positions, strict=True):
            text = self._texts.get(source)
            is_file.append(text is None)
            if text:
                buffer[position : position + len(text)] = text
        return list(compress(sources, is_file)), list(compress(positions, is_file))
