"""Batches: pieces of an archive that are made in one go, from segments to buffers and files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from typing import NamedTuple

from archive_service.archive.errors import DownloadFailed
from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.listing import SourceIndex
from archive_service.archive.segments import FileData, Segment
from archive_service.checksums.crc32_column import Crc32Column
from archive_service.storage.album_disk import AlbumDisk, Load
from archive_service.storage.base import AlbumFiles, SourceFile
from archive_service.transfer.assembler import Assembler

BATCH_BYTES = 2 * 1024 * 1024
"""A batch is full with this many bytes in buffers, or with those of a piece.  A larger one would
overflow the processor's cache and the socket's buffer."""
BATCH_FILES, BATCH_FILE_BYTES = 16, 16 * 1024 * 1024
"""A batch is full with this many open files, or this many bytes in them.  A download holds the
batch that is sent, and those made ahead."""
JOINED_BYTES = 16 * 1024
"""Neighbouring buffers up to this size together are sent as one."""
NOTHING = memoryview(b"")


class OpenData(NamedTuple):
    """A file that was opened for a segment."""

    segment: FileData
    source: SourceIndex
    head: memoryview
    """Bytes sent with its first span."""
    file: SourceFile
    files: AlbumFiles
    """The files of its album."""

    def verify(self) -> None:
        """Check behind the last byte that the file is what was listed; see `AlbumFiles.verify`."""
        self.files.verify(self.file, self.source)


Batch = list["memoryview | OpenData"]


class BatchMaker:
    """Plans and makes the batches of one layout, for all of its downloads."""

    def __init__(
        self,
        layout: ArchiveLayout,
        checksums: Crc32Column,
        open_files: Callable[[], AbstractContextManager[AlbumFiles]],
        disk: AlbumDisk,
    ) -> None:
        self._layout = layout
        self._checksums = checksums
        self._assembler = Assembler(
            layout, checksums, is_prompt=disk.is_prompt, packing=disk.packing
        )
        self._open_files = open_files
        self._is_complete = False

    def is_complete(self) -> bool:
        """Return whether all CRC-32 values are known; a known one stays known."""
        if not self._is_complete:
            self._is_complete = self._checksums.is_complete()
        return self._is_complete

    def to_hash(self, segment: Segment) -> list[SourceIndex]:
        """Return the sources whose CRC-32 must be learned before the segment is made."""
        return self._assembler.to_hash(segment)

    def planned(
        self,
        start: int,
        stop: int,
        *,
        piece_bytes: Callable[[], int],
        most_files: Callable[[], int],
        begins_batch: Callable[[Segment], object],
    ) -> Iterator[Sequence[Segment]]:
        """Yield the segments from `start` up to `stop` in batches.

        `piece_bytes` returns the most that the buffers of one should have, `most_files` the most
        files that it should open.
        """

        def buffer_bytes() -> int:
            return min(piece_bytes(), BATCH_BYTES)

        batch: list[Segment] = []
        room = memory = file_room = file_places = 0
        for segment in self._layout.segments(start, stop, piece_bytes=buffer_bytes):
            size = segment.stop - segment.start
            is_file = isinstance(segment, FileData)
            is_full = room <= 0 or file_room <= 0 or file_places <= 0
            fits = is_file or memory >= size
            if batch and (is_full or not fits or begins_batch(segment)):
                yield batch
                batch = []
            if not batch:
                room, memory = BATCH_BYTES, buffer_bytes()
                file_room, file_places = BATCH_FILE_BYTES, min(most_files(), BATCH_FILES)
            batch.append(segment)
            if is_file:
                file_room -= size
                file_places -= 1
            else:
                room -= size
                memory -= size
        if batch:
            yield batch

    def load(self, segments: Sequence[Segment]) -> Load:
        """Return what it takes to make a batch: large files are opened, small ones are read."""
        load = Load.MEMORY
        for segment in segments:
            if isinstance(segment, FileData):
                load = Load.FEW_FILES
            elif not self._assembler.is_quick(segment):
                return Load.MUCH
        return load

    def make(self, segments: Sequence[Segment]) -> Batch:
        """Make a batch; raise DownloadFailed with its source."""
        with self._open_files() as files:
            # First, so that a store sends large files while the small ones are read.
            opened = self._opened(segments, files)
            try:
                return self._made(segments, files, iter(opened))
            except BaseException:
                _close(opened)
                raise

    def _made(
        self, segments: Sequence[Segment], files: AlbumFiles, opened: Iterator[SourceFile]
    ) -> Batch:
        """Pack the headers, read the small files, and put the opened ones between them."""
        batch: Batch = []
        for segment in segments:
            if isinstance(segment, FileData):
                source = self._layout.sources[segment.entry]
                batch.append(OpenData(segment, source, _taken_head(batch), next(opened), files))
            else:
                _add_buffer(batch, self._assembler.make(segment, files))
        return batch

    def _opened(self, segments: Sequence[Segment], files: AlbumFiles) -> list[SourceFile]:
        """Open the large files."""
        large = [segment for segment in segments if isinstance(segment, FileData)]
        sources = [self._layout.sources[segment.entry] for segment in large]
        opened: list[SourceFile] = []
        try:
            with closing(files.open_each(sources)) as each:
                for segment in large:
                    opened.append(self._next_file(segment, each))
        except BaseException:
            _close(opened)
            raise
        return opened

    def _next_file(self, segment: FileData, opened: Iterator[SourceFile]) -> SourceFile:
        try:
            file = next(opened)
        except DownloadFailed as error:
            error.source = self._layout.sources[segment.entry]
            raise
        data_offset = self._layout.data_offset(segment.entry)
        file.begin(segment.start - data_offset, segment.stop - data_offset)
        return file


def close_files(batch: Batch) -> None:
    """Close all that is open in a batch."""
    _close(ready.file for ready in batch if isinstance(ready, OpenData))


def _close(files: Iterable[SourceFile]) -> None:
    for file in files:
        file.close()


def _add_buffer(batch: Batch, made: memoryview) -> None:
    """Add a buffer; join it to the one in front if both are small."""
    last = batch[-1] if batch else None
    if isinstance(last, memoryview) and len(last) + len(made) <= JOINED_BYTES:
        batch[-1] = memoryview(b"".join((last, made)))
    else:
        batch.append(made)


def _taken_head(batch: Batch) -> memoryview:
    """Remove a small buffer from the end, to send it with the file that follows."""
    last = batch[-1] if batch else None
    if isinstance(last, memoryview) and len(last) <= JOINED_BYTES:
        batch.pop()
        return last
    return NOTHING
