"""A storage that counts what is done with the one behind it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.storage.base import AlbumFiles, DiskFile, Storage


class CountingStorage:
    """Gives out what another storage has, and counts by path."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.opened: Counter[bytes] = Counter()
        self.read_bytes: Counter[bytes] = Counter()
        """Bytes that were read into the process."""

    def list(self, archive: ArchiveId) -> Listing:
        return self._storage.list(archive)

    @contextmanager
    def files(
        self, archive: ArchiveId, listing: Listing, close: Callable[[int], object] = os.close
    ) -> Iterator[AlbumFiles]:
        with self._storage.files(archive, listing) as files:
            yield _CountingFiles(self, files, listing)

    def check(self) -> bool:
        return self._storage.check()

    def albums(self) -> Sequence[str]:
        return self._storage.albums()

    def archives(self) -> Sequence[str]:
        return self._storage.archives()

    def place(self, archive: ArchiveId) -> str:
        return self._storage.place(archive)

    def is_prompt(self, archive: ArchiveId) -> bool:
        return self._storage.is_prompt(archive)

    def is_at_hand(self, archive: ArchiveId) -> bool:
        return self._storage.is_at_hand(archive)

    def close(self) -> None:
        self._storage.close()


class _CountingFiles:
    def __init__(self, counts: CountingStorage, files: AlbumFiles, listing: Listing) -> None:
        self._counts = counts
        self._files = files
        self._listing = listing

    def open(self, source: int) -> DiskFile:
        path = self._listing.paths[source]
        with self._files.open(source) as file:
            self._counts.opened[path] += 1
            return _CountingFile(os.dup(file.fileno()), self._counts.read_bytes, path)

    def open_each(self, sources: Iterable[int]) -> Generator[DiskFile, None, None]:
        return (self.open(source) for source in sources)

    def open_to_hash(self, source: int) -> DiskFile:
        return self.open(source)

    def known_crc32(self, source: int) -> int | None:
        return self._files.known_crc32(source)

    def verify(self, file: DiskFile, source: int) -> None:
        self._files.verify(file, source)

    def read_into(
        self, buffer: memoryview, sources: Sequence[int], positions: Sequence[int]
    ) -> None:
        for source, position in zip(sources, positions, strict=True):
            self._files.read_into(buffer, [source], [position])
            self._counts.opened[self._listing.paths[source]] += 1
            self._counts.read_bytes[self._listing.paths[source]] += self._listing.sizes[source]

    def read_cached(
        self, _buffer: memoryview, _sources: Sequence[int], _positions: Sequence[int]
    ) -> bool:
        return False


class _CountingFile(DiskFile):
    def __init__(self, descriptor: int, counts: Counter[bytes], path: bytes) -> None:
        super().__init__(descriptor)
        self._counts = counts
        self._path = path

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = super().readinto(buffer)
        self._counts[self._path] += count
        return count
