"""Files whose ctime or inode is another than listed: read again, and compared by CRC-32.

A change of owner, links or label moves the ctime, and some file systems give an untouched file
another inode number.  Neither shows whether the content has changed, so the file is read.  If it
still has the CRC-32 that the archive has announced, the download goes on; otherwise it is cut.  If
no CRC-32 was announced, another inode number alone changes nothing, and another ctime cuts the
download unless `UnreadFiles` proves that nobody has written to the file.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, closing, suppress

from zlib_ng import zlib_ng

from archive_service.archive.errors import SourceSuspected
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.checksums.crc32_column import (
    UNKNOWN,
    check_suspected,
    checked_suspicion,
    rewritten,
)
from archive_service.checksums.hash_blocks import begin_hash, hash_blocks
from archive_service.storage.base import AlbumFiles, DiskFile, SourceFile
from archive_service.storage.wrapped_files import WrappedFiles


class SettlingFiles(WrappedFiles, ABC):
    """Files of which suspected ones are settled one by one."""

    def __init__(self, opened: AbstractContextManager[AlbumFiles], listing: Listing) -> None:
        super().__init__(opened)
        self._listing = listing

    def read_into(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> None:
        """Read small files whole, and settle those that are suspected; see `AlbumFiles`."""
        first = 0
        while first < len(sources):
            try:
                return self._files.read_into(buffer, sources[first:], positions[first:])
            except SourceSuspected as error:
                first = sources.index(error.source)  # each is there once
                source, start = SourceIndex(sources[first]), positions[first]
                data = buffer[start : start + self._listing.sizes[source]]
                self._settle_small(error, source, data)
                first += 1
        return None

    @abstractmethod
    def _settle_small(
        self, suspected: SourceSuspected, source: SourceIndex, data: memoryview
    ) -> None:
        """Settle a small file that was read; raise SourceChanged."""


class FilesReadTwice(SettlingFiles):
    """Files not announced to a client: a suspected one is whole if it reads the same twice."""

    def crc32(self, source: SourceIndex) -> int:
        """Read a file of the listed size and time; return its CRC-32."""
        size, crc32 = self._listing.sizes[source], 0
        with self._files.open(source) as file:
            for block in hash_blocks(file, begin_hash(), size=size):
                crc32 = block.state.crc32
            with suppress(SourceSuspected):
                self._files.verify(file, source)
        return crc32

    def _settle_small(
        self, _suspected: SourceSuspected, source: SourceIndex, data: memoryview
    ) -> None:
        if self.crc32(source) != zlib_ng.crc32(data):
            raise rewritten(source)


class AnnouncedFiles(SettlingFiles):
    """The files of an album as a download reads them; see `AlbumFiles`.

    `announced` returns the announced CRC-32 of a source, UNKNOWN where there is none; `kept` a file
    that was kept open when it was hashed; `is_unwritten` whether it is proven that nobody has
    written to an open file since it was listed.
    """

    def __init__(
        self,
        opened: AbstractContextManager[AlbumFiles],
        listing: Listing,
        announced: Callable[[SourceIndex], int],
        *,
        kept: Callable[[SourceIndex], DiskFile | None] = lambda _source: None,
        is_unwritten: Callable[[SourceIndex, SourceFile], bool] = lambda _source, _file: False,
    ) -> None:
        super().__init__(opened, listing)
        self._announced = announced
        self._kept = kept
        self._is_unwritten = is_unwritten

    def open_each(self, sources: Iterable[SourceIndex]) -> Generator[SourceFile, None, None]:
        """Open files, or take those that are kept; see `AlbumFiles.open_each`."""
        wanted = list(sources)
        kept = {source: file for source in wanted if (file := self._kept(source))}
        if not kept:
            return self._files.open_each(wanted)
        return self._mixed(wanted, kept)

    def _mixed(
        self, wanted: Sequence[SourceIndex], kept: dict[SourceIndex, DiskFile]
    ) -> Generator[SourceFile, None, None]:
        others = self._files.open_each([source for source in wanted if source not in kept])
        with closing(others):
            try:
                for source in wanted:
                    yield kept.pop(source) if source in kept else next(others)
            finally:
                for file in kept.values():
                    file.close()

    def verify(self, file: SourceFile, source: SourceIndex) -> None:
        """Check an open file without reading it; SourceSuspected asks for `settle`."""
        try:
            self._files.verify(file, source)
        except SourceSuspected:
            # If a CRC-32 was announced, reading the file decides.
            if self._announced(source) != UNKNOWN or not self._is_unwritten(source, file):
                raise

    def settle(
        self, source: SourceIndex, suspected: SourceSuspected, abandoned: threading.Event
    ) -> None:
        """Read a suspected file; raise SourceChanged unless it is what it was.

        Once it is abandoned the reading stops, and the outcome means nothing.
        """
        if self._announced(source) == UNKNOWN:
            check_suspected(suspected, source, crc32=UNKNOWN, announced=UNKNOWN)
            return
        with self._files.open(source) as file:
            self.settle_open(file, source, suspected, abandoned)

    def settle_open(
        self,
        file: SourceFile,
        source: SourceIndex,
        suspected: SourceSuspected,
        abandoned: threading.Event,
    ) -> None:
        """Do the same for an open file, whatever lies in its place by now; read it from here on."""
        size, crc32 = self._listing.sizes[source], 0
        for block in hash_blocks(file, begin_hash(), size=size):
            crc32 = block.state.crc32
            if abandoned.is_set():
                return
        with suppress(SourceSuspected):  # size and mtime are as listed
            self._files.verify(file, source)
        check_suspected(suspected, source, crc32=crc32, announced=self._announced(source))

    def _settle_small(
        self, suspected: SourceSuspected, source: SourceIndex, data: memoryview
    ) -> None:
        announced = self._announced(source)
        if announced == UNKNOWN and not suspected.is_inode_alone:
            self._read_unwritten(source, data)
        else:
            crc32 = zlib_ng.crc32(data)
            check_suspected(suspected, source, crc32=crc32, announced=announced)

    def _read_unwritten(self, source: SourceIndex, data: memoryview) -> None:
        """Read a small file again, and prove that nobody has written to it since it was listed.

        The bytes read before may be those of another file that stood in its place for a moment.
        """
        with self._files.open(source) as file:
            for block in hash_blocks(file, begin_hash(), size=len(data)):
                stop = block.state.offset
                data[stop - len(block.data) : stop] = block.data
            with checked_suspicion(source, UNKNOWN, UNKNOWN):
                self.verify(file, source)
