"""Batches: pieces of an archive that are made in one go, from segments to buffers and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass

from archive_service.archive.errors import DownloadFailed
from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.listing import SourceIndex
from archive_service.archive.segments import FileData, Segment
from archive_service.checksums.crc32_column import UNKNOWN, Crc32Column
from archive_service.storage.base import AlbumFiles, DiskFile, SourceFile
from archive_service.storage.local.page_cache import read_ahead_on_disk
from archive_service.transfer.assembler import Assembler

BATCH_BYTES = 2 * 1024 * 1024
"""A batch with so many bytes in buffers is full, as is one whose buffers have the size of a piece.
Larger ones would overflow the processor's cache and the socket's buffer."""
BATCH_FILES, BATCH_FILE_BYTES = 16, 16 * 1024 * 1024
"""A batch with so many open files, or so many bytes in them, is full.  A download holds the batch
that is sent, and those made ahead."""
JOINED_BYTES = 16 * 1024
"""Buffers with at most so many bytes together are sent as one."""
NOTHING = memoryview(b"")


@dataclass(frozen=True, slots=True)
class OpenData:
    """A file that was opened for a segment."""

    segment: FileData
    source: SourceIndex
    file: SourceFile
    head: memoryview
    """Bytes sent with its first span."""


Batch = list["memoryview | OpenData"]


class BatchMaker:
    """Plans and makes the batches of one layout, for all of its downloads."""

    def __init__(
        self,
        layout: ArchiveLayout,
        checksums: Crc32Column,
        open_files: Callable[[], AbstractContextManager[AlbumFiles]],
        *,
        is_at_hand: bool = False,
    ) -> None:
        self._layout = layout
        self._checksums = checksums
        self._assembler = Assembler(layout, checksums)
        self._open_files = open_files
        self._is_at_hand = is_at_hand

    def is_complete(self) -> bool:
        """Return whether no CRC-32 is unknown."""
        return UNKNOWN not in self._checksums.values

    def to_hash(self, segment: Segment) -> list[SourceIndex]:
        """Return the sources whose CRC-32 must be learned before the segment is made."""
        return self._assembler.to_hash(segment)

    def planned(
        self,
        start: int,
        stop: int,
        *,
        piece_bytes: Callable[[], int],
        begins_batch: Callable[[Segment], object],
    ) -> Iterator[list[Segment]]:
        """Yield the segments from `start` up to `stop` in batches.

        `piece_bytes` returns the most that the buffers of one should have.
        """

        def buffer_bytes() -> int:
            return min(piece_bytes(), BATCH_BYTES)

        batch: list[Segment] = []
        room = memory = file_room = files = 0
        for segment in self._layout.segments(start, stop, piece_bytes=buffer_bytes):
            size = segment.stop - segment.start
            is_file = isinstance(segment, FileData)
            is_full = room <= 0 or file_room <= 0 or files >= BATCH_FILES
            fits = is_file or memory >= size
            if batch and (is_full or not fits or begins_batch(segment)):
                yield batch
                batch = []
            if not batch:
                room, memory, file_room, files = BATCH_BYTES, buffer_bytes(), BATCH_FILE_BYTES, 0
            batch.append(segment)
            if is_file:
                file_room -= size
                files += 1
            else:
                room -= size
                memory -= size
        if batch:
            yield batch

    def needs_no_wait(self, segments: Sequence[Segment]) -> bool:
        """Return whether a batch is made from memory, and of files that open without waiting."""
        return all(map(self._needs_no_wait, segments))

    def make(self, segments: Sequence[Segment]) -> Batch:
        """Make a batch; wait for the disk unless `needs_no_wait`.

        Raise DownloadFailed with its source.
        """
        batch: Batch = []
        large = [self._source(segment) for segment in segments if isinstance(segment, FileData)]
        try:
            with self._open_files() as files, closing(files.open_each(large)) as opened:
                for segment in segments:
                    if isinstance(segment, FileData):
                        batch.append(self._opened(segment, opened, _taken_head(batch)))
                    else:
                        _add_buffer(batch, self._assembler.make(segment, files))
        except BaseException:
            close_files(batch)
            raise
        return batch

    def make_ahead(self, segments: Sequence[Segment]) -> Batch:
        """Make a batch like `make`, and have local disks read all its large files at once."""
        batch = self.make(segments)
        for ready in batch:
            if isinstance(ready, OpenData) and isinstance(ready.file, DiskFile):
                start = ready.segment.start - self._layout.data_offset(ready.segment.entry)
                size = min(ready.segment.stop - ready.segment.start, BATCH_FILE_BYTES)
                if ready.file.is_prompt:  # of others `begin` has it done
                    read_ahead_on_disk(ready.file.fileno(), start, size)
        return batch

    def _needs_no_wait(self, segment: Segment) -> bool:
        if isinstance(segment, FileData):
            return self._is_at_hand
        return self._assembler.needs_no_wait(segment)

    def _source(self, segment: FileData) -> SourceIndex:
        return self._layout.sources[segment.entry]

    def _opened(
        self, segment: FileData, opened: Iterator[SourceFile], head: memoryview
    ) -> OpenData:
        source = self._source(segment)
        try:
            file = next(opened)
        except DownloadFailed as error:
            error.source = source
            raise
        data_offset = self._layout.data_offset(segment.entry)
        file.begin(segment.start - data_offset, segment.stop - data_offset)
        return OpenData(segment, source, file, head)


def close_files(batch: Batch) -> None:
    """Close all that is open in a batch."""
    for ready in batch:
        if isinstance(ready, OpenData):
            ready.file.close()


def _add_buffer(batch: Batch, made: memoryview) -> None:
    """Add a buffer; join it to the one in front if both are small."""
    if batch and isinstance(batch[-1], memoryview) and len(batch[-1]) + len(made) <= JOINED_BYTES:
        batch[-1] = memoryview(b"".join((batch[-1], made)))
    else:
        batch.append(made)


def _taken_head(batch: Batch) -> memoryview:
    """Remove a small buffer from the end, to send it with the file that follows."""
    last = batch[-1] if batch else None
    if isinstance(last, memoryview) and len(last) <= JOINED_BYTES:
        batch.pop()
        return last
    return NOTHING
