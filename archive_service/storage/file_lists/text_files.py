"""The files of a list, some of which have their content in the list itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import compress

from archive_service.archive.listing import SourceIndex
from archive_service.storage.base import AlbumFiles
from archive_service.storage.wrapped_files import WrappedFiles


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
        is_file = []
        for source, position in zip(sources, positions, strict=True):
            text = self._texts.get(source)
            is_file.append(text is None)
            if text:
                buffer[position : position + len(text)] = text
        files = list(compress(sources, is_file))
        if files:
            self._files.read_into(buffer, files, list(compress(positions, is_file)))
