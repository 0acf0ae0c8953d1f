"""The CRC index kept by hand: one album after another, as fast as the disk lets it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from archive_service.archive.errors import DownloadFailed
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.checksums.album import hash_file
from archive_service.checksums.crc_index.base import CrcIndex, Row
from archive_service.storage.base import AlbumFiles, Storage

_STORE_EVERY = 1000
"""Rows in one write: what an interruption may lose."""
_NOT_KNOWN = (b"", 0)


@dataclass(slots=True)
class Outcome:
    """What became of one album's files; paths are relative to the album."""

    files: int = 0
    """How many were hashed."""
    size: int = 0
    """Bytes of them."""
    failed: list[bytes] = field(default_factory=list)
    """Can't be read, or changed meanwhile."""
    different: list[bytes] = field(default_factory=list)
    """Have other content than the index says of their size and times."""


class Maintenance:
    """Works on one album at a time; what `Storage.list` raises, it raises."""

    def __init__(self, storage: Storage, index: CrcIndex) -> None:
        self._storage = storage
        self._index = index
        self._never = threading.Event()

    def fill(self, archive: ArchiveId) -> Outcome:
        """Learn what the index does not know of an album."""
        outcome = Outcome()
        listing = self._storage.list(archive)
        rows: list[Row] = []
        with self._storage.files(archive, listing) as files:
            for source, path, version, known in self._files(archive, listing):
                if known is not None:
                    continue
                read_from_ns = time.time_ns()
                value = self._learned(files, listing, source, outcome)
                if value is not None and listing.has_settled(read_from_ns):
                    rows.append((path, version, value))
                if len(rows) == _STORE_EVERY:
                    self._index.store(archive, rows)
                    rows = []
        self._index.store(archive, rows)
        return outcome

    def verify(self, archive: ArchiveId) -> Outcome:
        """Hash again what the index knows of an album; forget what is different."""
        outcome = Outcome()
        listing = self._storage.list(archive)
        with self._storage.files(archive, listing) as files:
            for source, path, _, known in self._files(archive, listing):
                if known is None:
                    continue
                value = self._crc32(files, listing, source, outcome)
                if value not in (None, known):
                    outcome.different.append(path)
        if outcome.different:
            self._index.forget(archive, outcome.different)
        return outcome

    def _files(
        self, archive: ArchiveId, listing: Listing
    ) -> Iterator[tuple[int, bytes, bytes, int | None]]:
        """Yield source, path, version, and the CRC-32 that the index knows of that."""
        index = self._index.load(archive)
        versions = self._index.versions(listing, range(len(listing)))
        for source, (path, version) in enumerate(zip(listing.paths, versions, strict=True)):
            if not path.endswith(b"/"):
                known_version, value = index.get(path, _NOT_KNOWN)
                yield source, path, version, value if known_version == version else None

    def _learned(
        self, files: AlbumFiles, listing: Listing, source: int, outcome: Outcome
    ) -> int | None:
        """Take the CRC-32 that the storage knows, or else read the file."""
        try:
            value = files.known_crc32(source)
        except DownloadFailed:
            value = None  # to read it fails in the same way, and says so
        return self._crc32(files, listing, source, outcome) if value is None else value

    def _crc32(
        self, files: AlbumFiles, listing: Listing, source: int, outcome: Outcome
    ) -> int | None:
        try:
            with files.open(source) as file:
                value = hash_file(file, self._never)
                files.verify(file, source)
        except DownloadFailed:
            outcome.failed.append(listing.paths[source])
            return None
        outcome.files += 1
        outcome.size += listing.sizes[source]
        return value
