"""The files of another storage; a subclass treats some of them differently."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from archive_service.archive.listing import SourceIndex
from archive_service.storage.base import AlbumFiles, SourceFile

if TYPE_CHECKING:
    from typing_extensions import Self  # of typing from Python 3.11 on


class WrappedFiles:
    """Passes every call on to the files that it opens; see `AlbumFiles`."""

    def __init__(self, opened: AbstractContextManager[AlbumFiles]) -> None:
        self._opened = opened

    def __enter__(self) -> Self:
        self._files = self._opened.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._opened.__exit__(*raised)  # type: ignore[arg-type] # what it was called with

    def open(self, source: SourceIndex) -> SourceFile:
        """Open a file; see `AlbumFiles.open`."""
        return self._files.open(source)

    def open_each(self, sources: Iterable[SourceIndex]) -> Generator[SourceFile, None, None]:
        """Open files; see `AlbumFiles.open_each`."""
        return self._files.open_each(sources)

    def open_to_hash(self, source: SourceIndex) -> SourceFile:
        """Open a file to hash it; see `AlbumFiles.open_to_hash`."""
        return self._files.open_to_hash(source)

    def known_crc32(self, source: SourceIndex) -> int | None:
        """Return what the storage knows; see `AlbumFiles.known_crc32`."""
        return self._files.known_crc32(source)

    def verify(self, file: SourceFile, source: SourceIndex) -> None:
        """Check an open file; see `AlbumFiles.verify`."""
        self._files.verify(file, source)

    def read_into(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> None:
        """Read small files whole; see `AlbumFiles.read_into`."""
        self._files.read_into(buffer, sources, positions)

    def read_cached(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> bool:
        """Read files whole if all are in memory; see `AlbumFiles.read_cached`."""
        return self._files.read_cached(buffer, sources, positions)
