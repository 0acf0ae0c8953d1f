"""The bytes of an archive: any range of a layout as chunks ready to be sent.

Theory of operation.  Consecutive segments make a batch, which one visit to a worker thread gets
ready, or none where nothing has to be waited for: headers are packed, small files opened, checked
and read into buffers, large files opened and checked.  The data of a large file is not read at
all: it is given out as spans of the open file, to be sent by the kernel; that of a remote one is
fetched ahead and given out as it comes.  Meanwhile a task runs ahead of the send position and has
large files hashed whose CRC-32 will be needed, so that their headers can be packed when their turn
comes.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, aclosing, contextmanager
from dataclasses import dataclass
from io import FileIO
from typing import Protocol

from archive_service.assembly import Assembler
from archive_service.checksums import UNKNOWN, AlbumChecksums
from archive_service.demand import Demand
from archive_service.errors import SourceUnreadable
from archive_service.hashahead import HashAhead
from archive_service.layout import ArchiveLayout
from archive_service.segments import FileData, Segment
from archive_service.storage.base import AlbumFiles, RemoteFile, SourceFile
from archive_service.storage.pagecache import is_cached, read_in

MADE_AHEAD = 2
"""Batches made ahead of the one that is sent: one alone is not always ready in time."""
MADE_AHEAD_FROM_BYTES = 256 * 1024
"""Size of the pieces from which on a client counts as quick."""
BATCH_BYTES = 2 * 1024 * 1024
"""From here on a batch is full; also when its buffers have the size of a piece.  Buffers are not
larger either: they would fall out of the processor's cache, and overflow the socket's."""
BATCH_SEGMENTS = 16
"""The most a batch may have; a download holds so many files open at most in each of its batches,
the one that is sent and those made ahead."""
JOINED_BYTES = 16 * 1024
"""Buffers of up to so much together are sent as one: the ends of little archives."""
KEPT_BACK_BYTES = 1
"""Bytes not sent before their file is verified where the range ends within its data: nothing else
would be left to withhold, and the client would take the range for complete."""


class PieceSizes(Protocol):
    """How large chunks should be, asked for each of them."""

    def buffer_bytes(self) -> int:
        """Return the most that a buffer should have, unless one file has more."""

    def span_bytes(self) -> int:
        """Return the most that a span should have: it takes no memory."""


_NOTHING = memoryview(b"")


@dataclass(frozen=True, slots=True)
class FileSpan:
    """`count` bytes from `offset` of an open file, in memory as far as one can tell."""

    file: FileIO
    offset: int
    count: int
    head: memoryview = _NOTHING
    """Bytes to be sent in front of them: the header of the file.  A chunk of its own for each
    would cost as much again as the span, mostly in Python."""

    def __len__(self) -> int:
        return len(self.head) + self.count


Chunk = memoryview | FileSpan


@dataclass(frozen=True, slots=True)
class _Data:
    """The data of a file that is yet to be opened."""

    segment: FileData
    head: memoryview
    """What is sent with the first of it."""


@dataclass(frozen=True, slots=True)
class _OpenData:
    """A file that was opened for the sake of a segment."""

    segment: FileData
    file: SourceFile
    head: memoryview
    """As in `_Data`; empty for a remote file, which has it in front."""


_Parts = list["memoryview | _Data"]
_Batch = list["memoryview | _OpenData"]


class ArchiveContent:
    """The bytes of one archive.

    `open_album` gives access to the files; `threads` is where the disk is waited for.
    """

    def __init__(
        self,
        layout: ArchiveLayout,
        checksums: AlbumChecksums,
        *,
        open_album: Callable[[], AbstractContextManager[AlbumFiles]],
        threads: Executor,
        demand: Demand,
    ) -> None:
        self.layout = layout
        self._checksums = checksums
        self._open_album = open_album
        self._threads = threads
        self._demand = demand
        self._assembler = Assembler(layout, checksums)
        self._is_complete = False
        self._parts_of_all: _Parts | None = None

    async def chunks(
        self, start: int, stop: int, pieces: PieceSizes
    ) -> AsyncGenerator[Chunk, None]:
        """Yield the bytes from `start` up to `stop`; close the generator to free what it holds.

        Raise DownloadFailed.
        """
        await self._checksums.load()
        with self._open_album() as files, self._hash_ahead(start, stop) as hash_ahead:
            async with aclosing(self._batches(start, stop, pieces, files)) as batches:
                async for offset, batch in batches:
                    hash_ahead.reached(offset)
                    for ready in batch:
                        if isinstance(ready, memoryview):
                            yield ready
                            continue
                        if not isinstance(ready.file, FileIO):
                            while chunk := await self._remote_chunk(ready.file, pieces):
                                yield chunk
                            continue
                        for piece in self._file_data(ready, ready.file, stop, pieces):
                            if isinstance(piece, FileSpan):
                                await self._warm(piece)
                            yield piece
                        if rest := await self._rest(ready, ready.file, stop, files):
                            yield rest
                    self._checksums.store_learned(is_end=False)

    @contextmanager
    def _hash_ahead(self, start: int, stop: int) -> Iterator[HashAhead]:
        hash_ahead = HashAhead(self.layout, self._checksums, self._assembler.is_unknown)
        self._is_complete = UNKNOWN not in self._checksums.values
        task = None if self._is_complete else asyncio.ensure_future(hash_ahead.run(start, stop))
        try:
            yield hash_ahead
        finally:
            if task is not None:
                task.cancel()
            self._checksums.store_learned()

    async def _batches(
        self, start: int, stop: int, pieces: PieceSizes, files: AlbumFiles
    ) -> AsyncGenerator[tuple[int, _Batch], None]:
        """Yield batches and where they start, some made ahead while the one before is sent.

        Not so for a slow client, who would only hold more memory.
        """
        batch: _Batch = []
        if (start, stop) == (0, len(self.layout)) and self._parts_of_all:
            batch = self._opened_at_once(self._parts_of_all, files) or []
        if batch:
            try:
                yield start, batch
            finally:
                _close_files(batch)
            return
        plan = self._planned(start, stop, pieces)
        makings: deque[tuple[int, asyncio.Future[_Batch]]] = deque()
        segments = next(plan, None)
        try:
            while segments or makings:
                if segments and not makings:
                    if segments[0].start > start:
                        await asyncio.sleep(0)  # or else a quick client would have the loop
                    if made := self._made_at_once(segments, files):
                        offset, batch = segments[0].start, made
                        segments = next(plan, None)
                        yield offset, batch
                        _close_files(batch)
                        continue
                    await self._hash(segments)
                ahead = MADE_AHEAD if pieces.buffer_bytes() >= MADE_AHEAD_FROM_BYTES else 0
                while segments and len(makings) <= ahead and not self._to_hash(segments[0]):
                    makings.append((segments[0].start, self._make(segments)))
                    segments = next(plan, None)
                offset, making = makings[0]
                if making.done():  # or else a client that takes all at once would have the loop
                    await asyncio.sleep(0)
                batch = await asyncio.shield(making)
                makings.popleft()
                yield offset, batch
                _close_files(batch)
        finally:
            _close_files(batch)
            for _, making in makings:
                making.add_done_callback(_close_made)

    def _planned(self, start: int, stop: int, pieces: PieceSizes) -> Iterator[list[Segment]]:
        """Yield segments in batches; one that waits for a CRC-32 begins a batch."""

        def buffer_bytes() -> int:
            return min(pieces.buffer_bytes(), BATCH_BYTES)

        batch: list[Segment] = []
        room = memory = 0
        for segment in self.layout.segments(start, stop, piece_bytes=buffer_bytes):
            size = segment.stop - segment.start
            needed = 0 if isinstance(segment, FileData) else size
            is_full = room <= 0 or memory < needed or len(batch) >= BATCH_SEGMENTS
            if batch and (is_full or self._to_hash(segment)):
                yield batch
                batch = []
            if not batch:
                room, memory = BATCH_BYTES, buffer_bytes()
            batch.append(segment)
            room -= size
            memory -= needed
        if batch:
            yield batch

    async def _hash(self, segments: Sequence[Segment]) -> None:
        for entry in self._to_hash(segments[0]):
            await self._checksums.hashed(self.layout.sources[entry])

    def _to_hash(self, segment: Segment) -> list[int]:
        return [] if self._is_complete else self._assembler.to_hash(segment)

    def _make(self, segments: Sequence[Segment]) -> asyncio.Future[_Batch]:
        making = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self._made(segments)
        )
        making.add_done_callback(_see_exception)
        return making

    def _made_at_once(self, segments: Sequence[Segment], files: AlbumFiles) -> _Batch | None:
        """Make a batch where nothing has to be waited for: then a visit to a thread is spared."""
        for segment in segments:
            if not isinstance(segment, FileData) and not self._assembler.needs_no_file(segment):
                return None
        parts = self._parts(segments, files)
        if segments[0].start == 0 and segments[-1].stop == len(self.layout):
            self._parts_of_all = parts
        return self._opened_at_once(parts, files)

    def _opened_at_once(self, parts: _Parts, files: AlbumFiles) -> _Batch | None:
        sources = self._sources(parts)
        opened = files.open_at_once(sources)
        if len(opened) == len(sources):
            return self._opened(parts, iter(opened))
        for file in opened:
            file.close()
        return None

    def _made(self, segments: Sequence[Segment]) -> _Batch:
        with self._open_album() as files:
            parts = self._parts(segments, files)
            return self._opened(parts, map(files.open, self._sources(parts)))

    def _parts(self, segments: Sequence[Segment], files: AlbumFiles) -> _Parts:
        """Make the buffers of a batch, with nothing yet of the files between them."""
        parts: _Parts = []
        for segment in segments:
            if isinstance(segment, FileData):
                parts.append(_Data(segment, _taken_head(parts)))
            else:
                _add_buffer(parts, self._assembler.make(segment, files))
        return parts

    def _sources(self, parts: _Parts) -> list[int]:
        data = (part for part in parts if isinstance(part, _Data))
        return [self.layout.sources[part.segment.entry] for part in data]

    def _opened(self, parts: _Parts, files: Iterator[SourceFile]) -> _Batch:
        """Return a batch of its parts, given the files in turn."""
        batch: _Batch = []
        try:
            for part in parts:
                if isinstance(part, memoryview):
                    batch.append(part)
                    continue
                segment, file, head = part.segment, next(files), part.head
                if not isinstance(file, FileIO):
                    data_offset = self.layout.data_offset(segment.entry)
                    file.begin(segment.start - data_offset, segment.stop - data_offset)
                    if head:
                        batch.append(head)
                        head = _NOTHING
                batch.append(_OpenData(segment, file, head))
        except BaseException:
            _close_files(batch)
            raise
        return batch

    async def _remote_chunk(self, file: RemoteFile, pieces: PieceSizes) -> memoryview:
        """Return what comes next, none at the end; its storage sees to it that it is good."""
        with self._demand.served():
            return await file.chunk(pieces.buffer_bytes())

    def _file_data(
        self, data: _OpenData, file: FileIO, range_stop: int, pieces: PieceSizes
    ) -> Iterator[Chunk]:
        """Yield spans of the file, without what is kept back."""
        segment = data.segment
        data_offset = self.layout.data_offset(segment.entry)
        position = segment.start - data_offset
        stop = segment.stop - data_offset - _kept_back(segment, range_stop)
        head = data.head
        if head and (position == stop or len(head) >= pieces.span_bytes()):
            yield head
            head = _NOTHING
        while position < stop:
            count = min(pieces.span_bytes() - len(head), stop - position)
            yield FileSpan(file, position, count, head)
            position += count
            head = _NOTHING

    async def _rest(
        self, data: _OpenData, file: FileIO, range_stop: int, files: AlbumFiles
    ) -> memoryview:
        """Read what was kept back; then verify, as the file may have been rewritten meanwhile."""
        segment = data.segment
        rest = b""
        if count := _kept_back(segment, range_stop):
            offset = segment.stop - self.layout.data_offset(segment.entry) - count
            await self._warm(FileSpan(file, offset, count))
            try:
                rest = os.pread(file.fileno(), count, offset)
            except OSError as error:
                raise SourceUnreadable.of(error) from None
        files.verify(file, self.layout.sources[segment.entry])
        return memoryview(rest)

    async def _warm(self, span: FileSpan) -> None:
        descriptor = span.file.fileno()
        if not is_cached(descriptor, span.offset, span.count):
            loop = asyncio.get_running_loop()
            try:
                with self._demand.served():
                    await loop.run_in_executor(
                        self._threads, read_in, descriptor, span.offset, span.count
                    )
            except OSError as error:
                raise SourceUnreadable.of(error) from None


def _kept_back(segment: FileData, range_stop: int) -> int:
    return KEPT_BACK_BYTES if segment.stop == range_stop else 0


def _add_buffer(batch: _Parts, made: memoryview) -> None:
    """Add a buffer to a batch, joined to one in front where a copy costs less than a send."""
    if batch and isinstance(batch[-1], memoryview) and len(batch[-1]) + len(made) <= JOINED_BYTES:
        batch[-1] = memoryview(b"".join((batch[-1], made)))
    else:
        batch.append(made)


def _taken_head(batch: _Parts) -> memoryview:
    """Take a small buffer off the end of a batch, to be sent with the file that follows.

    The first is left, so that the first bytes of a download don't wait for what is behind them.
    """
    last = batch[-1] if len(batch) > 1 else None
    if isinstance(last, memoryview) and len(last) <= JOINED_BYTES:
        batch.pop()
        return last
    return _NOTHING


def _close_files(batch: _Batch) -> None:
    for ready in batch:
        if isinstance(ready, _OpenData):
            ready.file.close()


def _close_made(making: asyncio.Future[_Batch]) -> None:
    """Close the files of a batch whose download has ended meanwhile."""
    if not making.cancelled() and making.exception() is None:
        _close_files(making.result())


def _see_exception(making: asyncio.Future[_Batch]) -> None:
    """Look at an exception that nobody may be waiting for any more."""
    if not making.cancelled():
        making.exception()
