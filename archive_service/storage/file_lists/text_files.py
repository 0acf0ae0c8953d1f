"""The files of a list, some of which have their content in the list itself."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import compress
from types import TracebackType

from zlib_ng import zlib_ng

from archive_service.archive.listing import SourceIndex
from archive_service.storage.base import AlbumFiles, RemoteFile, SourceFile


class TextFile(RemoteFile):
    """A file in memory; see `RemoteFile`."""

    def __init__(self, text: bytes) -> None:
        self._left = memoryview(text)

    def __enter__(self) -> TextFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def begin(self, start: int, stop: int) -> None:
        """Read from `start` up to `stop`; see `RemoteFile.begin`."""
        self._left = self._left[start:stop]

    async def chunk(self, limit: int) -> memoryview:
        """Return the next bytes; see `RemoteFile.chunk`."""
        return self._next(limit)

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes; see `RemoteFile.readinto`."""
        taken = self._next(len(buffer))
        buffer[: len(taken)] = taken
        return len(taken)

    def close(self) -> None:
        """Free the memory; see `RemoteFile.close`."""
        self._left = memoryview(b"")

    def _next(self, limit: int) -> memoryview:
        taken, self._left = self._left[:limit], self._left[limit:]
        return taken


class FilesWithTexts:
    """The files of albums, and texts by source; see `AlbumFiles`."""

    def __init__(
        self, opened: AbstractContextManager[AlbumFiles], texts: Mapping[int, bytes]
    ) -> None:
        self._opened = opened
        self._texts = texts

    def __enter__(self) -> FilesWithTexts:
        self._files = self._opened.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.__exit__(kind, error, traceback)

    def open(self, source: SourceIndex) -> SourceFile:
        """Open a file; see `AlbumFiles.open`."""
        if source in self._texts:
            return TextFile(self._texts[source])
        return self._files.open(source)

    def open_each(self, sources: Iterable[SourceIndex]) -> Generator[SourceFile, None, None]:
        """Open files; see `AlbumFiles.open_each`.  None is a text: those are small."""
        return self._files.open_each(sources)

    def open_to_hash(self, source: SourceIndex) -> SourceFile:
        """Open a file to hash it; see `AlbumFiles.open_to_hash`."""
        return self.open(source) if source in self._texts else self._files.open_to_hash(source)

    def known_crc32(self, source: SourceIndex) -> int | None:
        """Return what is known of a file; see `AlbumFiles.known_crc32`."""
        if source in self._texts:
            return zlib_ng.crc32(self._texts[source])
        return self._files.known_crc32(source)

    def verify(self, file: SourceFile, source: SourceIndex) -> None:
        """Check an open file; a text can't change; see `AlbumFiles.verify`."""
        if source not in self._texts:
            self._files.verify(file, source)

    def read_into(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> None:
        """Read small files whole; see `AlbumFiles.read_into`."""
        is_file = []
        for source, position in zip(sources, positions, strict=True):
            text = self._texts.get(source)
            is_file.append(text is None)
            if text:
                buffer[position : position + len(text)] = text
        files = list(compress(sources, is_file))
        if files:
            self._files.read_into(buffer, files, list(compress(positions, is_file)))
