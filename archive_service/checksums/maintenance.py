"""The CRC index kept by hand: one album after another, as fast as the disk allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from archive_service.archive.errors import AlbumInMotion, DownloadFailed
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.archive.settling import UploadLook, is_written
from archive_service.checksums.crc32_column import UNKNOWN
from archive_service.checksums.crc_index.base import CrcIndex
from archive_service.checksums.file_hashing import Hashing
from archive_service.checksums.known_files import KnownFiles
from archive_service.checksums.suspected_files import AnnouncedFiles
from archive_service.storage.base import AlbumFiles, Storage

_STORE_EVERY = 1000
"""Rows in one write: what an interruption may lose."""


@dataclass(slots=True)
class AlbumReport:
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

    def __init__(self, storage: Storage, index: CrcIndex, uploads: UploadLook) -> None:
        self._storage = storage
        self._index = index
        self._uploads = uploads

    def fill(self, archive: ArchiveId) -> AlbumReport:
        """Hash an album's files that the index does not know."""
        listing = self._list(archive)
        known = self._known(archive, listing)
        unknown = [source for source in listing.files() if source not in known.crc32s]
        return self._read(_Fill, archive, listing, known, unknown)

    def verify(self, archive: ArchiveId) -> AlbumReport:
        """Hash an album's known files again; correct the rows of those that differ."""
        listing = self._list(archive)
        known = self._known(archive, listing)
        sources = [source for source in listing.files() if known.announced(source) != UNKNOWN]
        return self._read(_Verify, archive, listing, known, sources)

    def _list(self, archive: ArchiveId) -> Listing:
        listing = self._storage.list(archive)
        if is_written(archive, listing, self._uploads, now_ns=time.time_ns()):
            raise AlbumInMotion
        return listing

    def _known(self, archive: ArchiveId, listing: Listing) -> KnownFiles:
        known = KnownFiles(archive, listing)
        known.load(self._index)
        return known

    def _read(
        self,
        reading: type[_Fill],
        archive: ArchiveId,
        listing: Listing,
        known: KnownFiles,
        sources: Sequence[SourceIndex],
    ) -> AlbumReport:
        """Hash files, and store what is new."""
        learned: dict[SourceIndex, int] = {}
        different: list[bytes] = []

        def store() -> None:
            if learned:
                known.store(self._index, learned, learned)
            learned.clear()

        def take(values: Mapping[SourceIndex, int], read_from_ns: int) -> None:
            others = known.others(values)
            different.extend(listing.paths[source] for source in others)
            if listing.has_settled(read_from_ns):
                kept = known.crc32s.keys() - others.keys()
                learned.update((s, crc32) for s, crc32 in values.items() if s not in kept)
            if len(learned) >= _STORE_EVERY:
                store()

        opened = self._storage.files(archive, listing)
        with AnnouncedFiles(opened, listing, known.announced) as files:
            report = reading(files, listing, known, take).report_of(sources)
        store()
        report.different = different
        return report


class _Fill(Hashing):
    """Hashes all files, and skips those that fail."""

    def __init__(
        self,
        files: AlbumFiles,
        listing: Listing,
        known: KnownFiles,
        take: Callable[[Mapping[SourceIndex, int], int], None],
    ) -> None:
        super().__init__(files, listing)
        self._known = known
        self._take = take
        self._report = AlbumReport()

    def report_of(self, sources: Sequence[SourceIndex]) -> AlbumReport:
        """Hash files and say what became of them."""
        for _ in self.steps(sources):
            pass
        return self._report

    def learned(
        self, sources: Sequence[SourceIndex], crc32s: Sequence[int], *, read_from_ns: int
    ) -> None:
        self._report.files += len(sources)
        self._report.size += sum(self.listing.sizes[source] for source in sources)
        self._take(dict(zip(sources, crc32s, strict=True)), read_from_ns)

    def announced(self, source: SourceIndex) -> int:
        return self._known.announced(source)

    def found(self, source: SourceIndex, crc32: int) -> None:
        self._take({source: crc32}, time.time_ns())

    def failed(self, source: SourceIndex, error: DownloadFailed) -> None:
        self._report.failed.append(self.listing.paths[source])


class _Verify(_Fill):
    """Reads every file, even if the storage knows its CRC-32."""

    def known_crc32(self, source: SourceIndex) -> None:
        return None
