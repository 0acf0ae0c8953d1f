"""Batches: what is made ready of an archive at one time.

A batch is planned as segments, made of parts, which are buffers and the data of files that are yet
to be opened, and ready to be sent once these are open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.segments import FileData, Segment
from archive_service.storage.base import AlbumFiles, DiskFile, SourceFile
from archive_service.transfer.assembler import Assembler

BATCH_BYTES = 2 * 1024 * 1024
"""From here on a batch is full; also when its buffers have the size of a piece.  Buffers are not
larger either: they would fall out of the processor's cache, and overflow the socket's."""
BATCH_SEGMENTS = 16
"""The most a batch may have; a download holds so many files open at most in each of its batches,
the one that is sent and those made ahead."""
JOINED_BYTES = 16 * 1024
"""Buffers of up to so much together are sent as one: the ends of little archives."""
NOTHING = memoryview(b"")


@dataclass(frozen=True, slots=True)
class _Data:
    """The data of a file that is yet to be opened."""

    segment: FileData
    head: memoryview
    """What is sent with the first of it."""


@dataclass(frozen=True, slots=True)
class OpenData:
    """A file that was opened for the sake of a segment."""

    segment: FileData
    file: SourceFile
    head: memoryview
    """What is sent with the first of it, unless it is a remote file."""


_Parts = list["memoryview | _Data"]
Batch = list["memoryview | OpenData"]


class BatchMaker:
    """Makes the batches of one layout, for all of its downloads."""

    def __init__(self, layout: ArchiveLayout, assembler: Assembler) -> None:
        self._layout = layout
        self._assembler = assembler
        # Of a little archive, asked for again and again, one batch is all.
        self._parts_of_all: _Parts | None = None

    def planned(
        self,
        start: int,
        stop: int,
        *,
        piece_bytes: Callable[[], int],
        begins_batch: Callable[[Segment], object],
    ) -> Iterator[list[Segment]]:
        """Yield the segments from `start` up to `stop` in batches.

        `piece_bytes` tells the most that the buffers of one should have.
        """

        def buffer_bytes() -> int:
            return min(piece_bytes(), BATCH_BYTES)

        batch: list[Segment] = []
        room = memory = 0
        for segment in self._layout.segments(start, stop, piece_bytes=buffer_bytes):
            size = segment.stop - segment.start
            needed = 0 if isinstance(segment, FileData) else size
            is_full = room <= 0 or memory < needed or len(batch) >= BATCH_SEGMENTS
            if batch and (is_full or begins_batch(segment)):
                yield batch
                batch = []
            if not batch:
                room, memory = BATCH_BYTES, buffer_bytes()
            batch.append(segment)
            room -= size
            memory -= needed
        if batch:
            yield batch

    def made(self, segments: Sequence[Segment], files: AlbumFiles) -> Batch:
        """Make a batch; waits for the disk.  Raise DownloadFailed."""
        parts = self._parts(segments, files)
        return self._opened(parts, map(files.open, self._sources(parts)))

    def made_at_once(self, segments: Sequence[Segment], files: AlbumFiles) -> Batch | None:
        """Make a batch where nothing has to be waited for: then a visit to a thread is spared."""
        for segment in segments:
            if not isinstance(segment, FileData) and not self._assembler.is_made_at_once(segment):
                return None
        parts = self._parts(segments, files)
        if segments[0].start == 0 and segments[-1].stop == len(self._layout):
            self._parts_of_all = parts
        return self._opened_at_once(parts, files)

    def all_at_once(self, files: AlbumFiles) -> Batch | None:
        """Make the batch that is all of the archive, if it was made at once before."""
        return self._opened_at_once(self._parts_of_all, files) if self._parts_of_all else None

    def _parts(self, segments: Sequence[Segment], files: AlbumFiles) -> _Parts:
        parts: _Parts = []
        for segment in segments:
            if isinstance(segment, FileData):
                parts.append(_Data(segment, _taken_head(parts)))
            else:
                _add_buffer(parts, self._assembler.make(segment, files))
        return parts

    def _sources(self, parts: _Parts) -> list[int]:
        data = (part for part in parts if isinstance(part, _Data))
        return [self._layout.sources[part.segment.entry] for part in data]

    def _opened_at_once(self, parts: _Parts, files: AlbumFiles) -> Batch | None:
        sources = self._sources(parts)
        opened = files.open_at_once(sources)
        if len(opened) == len(sources):
            return self._opened(parts, iter(opened))
        for file in opened:
            file.close()
        return None

    def _opened(self, parts: _Parts, files: Iterator[SourceFile]) -> Batch:
        """Return the batch of some parts, given the files in turn."""
        batch: Batch = []
        try:
            for part in parts:
                if isinstance(part, memoryview):
                    batch.append(part)
                    continue
                segment, file, head = part.segment, next(files), part.head
                if not isinstance(file, DiskFile):
                    data_offset = self._layout.data_offset(segment.entry)
                    file.begin(segment.start - data_offset, segment.stop - data_offset)
                    if head:
                        batch.append(head)
                batch.append(OpenData(segment, file, head))
        except BaseException:
            close_files(batch)
            raise
        return batch


def close_files(batch: Batch) -> None:
    """Close all that is open in a batch."""
    for ready in batch:
        if isinstance(ready, OpenData):
            ready.file.close()


def _add_buffer(parts: _Parts, made: memoryview) -> None:
    """Add a buffer, joined to one in front where a copy costs less than a send."""
    if parts and isinstance(parts[-1], memoryview) and len(parts[-1]) + len(made) <= JOINED_BYTES:
        parts[-1] = memoryview(b"".join((parts[-1], made)))
    else:
        parts.append(made)


def _taken_head(parts: _Parts) -> memoryview:
    """Take a small buffer off the end, to be sent with the file that follows."""
    last = parts[-1] if parts else None
    if isinstance(last, memoryview) and len(last) <= JOINED_BYTES:
        parts.pop()
        return last
    return NOTHING
