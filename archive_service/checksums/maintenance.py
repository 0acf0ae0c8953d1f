"""The CRC index kept by hand: one album after another, as fast as the disk allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from archive_service.archive.errors import DownloadFailed
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.checksums.crc_index.base import CrcIndex
from archive_service.checksums.hashing import Hashing
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
    """Have other content than the index has for their size and times."""


class Maintenance:
    """Works on one album at a time; raises what `Storage.list` raises."""

    def __init__(self, storage: Storage, index: CrcIndex) -> None:
        self._storage = storage
        self._index = index

    def fill(self, archive: ArchiveId) -> Outcome:
        """Learn what the index does not know of an album."""
        listing = self._storage.list(archive)
        known = self._known(archive, listing)
        learned: dict[SourceIndex, int] = {}

        def take(values: Mapping[SourceIndex, int], read_from_ns: int) -> None:
            if listing.has_settled(read_from_ns):
                learned.update(values)
            if len(learned) >= _STORE_EVERY:
                self._store(archive, listing, learned)
                learned.clear()

        unknown = [source for source in listing.files() if source not in known]
        with self._storage.files(archive, listing) as files:
            outcome = _Fill(files, listing, take).outcome_of(unknown)
        self._store(archive, listing, learned)
        return outcome

    def verify(self, archive: ArchiveId) -> Outcome:
        """Hash again what the index knows of an album; forget what is different."""
        listing = self._storage.list(archive)
        known = self._known(archive, listing)
        different: list[bytes] = []

        def compare(values: Mapping[SourceIndex, int], _read_from_ns: int) -> None:
            different.extend(
                listing.paths[source] for source, value in values.items() if value != known[source]
            )

        with self._storage.files(archive, listing) as files:
            outcome = _Verify(files, listing, compare).outcome_of(list(known))
        outcome.different = different
        if different:
            self._index.forget(archive, different)
        return outcome

    def _known(self, archive: ArchiveId, listing: Listing) -> dict[SourceIndex, int]:
        """Return the CRC-32 of each file that the index has in its present version."""
        rows = self._index.load(archive)
        sources = list(listing.files())
        known: dict[SourceIndex, int] = {}
        for source, version in zip(sources, self._index.versions(listing, sources), strict=True):
            known_version, value = rows.get(listing.paths[source], _NOT_KNOWN)
            if known_version == version:
                known[source] = value
        return known

    def _store(
        self, archive: ArchiveId, listing: Listing, learned: Mapping[SourceIndex, int]
    ) -> None:
        versions = self._index.versions(listing, list(learned))
        paths = (listing.paths[source] for source in learned)
        self._index.store(archive, list(zip(paths, versions, learned.values(), strict=True)))


class _Fill(Hashing):
    """Hashes all files, and skips those that fail."""

    def __init__(
        self,
        files: AlbumFiles,
        listing: Listing,
        take: Callable[[Mapping[SourceIndex, int], int], None],
    ) -> None:
        super().__init__(files, listing)
        self._take = take
        self._outcome = Outcome()

    def outcome_of(self, sources: Sequence[SourceIndex]) -> Outcome:
        """Hash files and say what became of them."""
        for _ in self.steps(sources):
            pass
        return self._outcome

    def learned(
        self, sources: Sequence[SourceIndex], crc32s: Sequence[int], *, read_from_ns: int
    ) -> None:
        self._outcome.files += len(sources)
        self._outcome.size += sum(self.listing.sizes[source] for source in sources)
        self._take(dict(zip(sources, crc32s, strict=True)), read_from_ns)

    def found(self, source: SourceIndex, crc32: int) -> None:
        self._take({source: crc32}, time.time_ns())

    def failed(self, source: SourceIndex, error: DownloadFailed) -> None:
        self._outcome.failed.append(self.listing.paths[source])


class _Verify(_Fill):
    """Reads every file, also one whose CRC-32 the storage knows."""

    def known_crc32(self, source: SourceIndex) -> None:
        return None
