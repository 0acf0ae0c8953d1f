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
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, aclosing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

from archive_service.archive.errors import SourceChanged, SourceUnreadable
from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.segments import FileData, Segment
from archive_service.checksums.album import UNKNOWN, AlbumChecksums
from archive_service.checksums.disk_demand import DiskDemand
from archive_service.checksums.prefetch import Prefetch
from archive_service.storage.base import AlbumFiles, DiskFile, RemoteFile
from archive_service.storage.local.page_cache import is_cached, read_in
from archive_service.transfer.assembler import Assembler
from archive_service.transfer.batches import NOTHING, Batch, BatchMaker, OpenData, close_files

_Result = TypeVar("_Result")
_Making = Future[Batch]

MADE_AHEAD = 2
"""Batches made ahead of the one that is sent: one alone is not always ready in time."""
MADE_AHEAD_FROM_BYTES = 256 * 1024
"""Size of the pieces from which on a client counts as quick."""
KEPT_BACK_BYTES = 1
"""Bytes not sent before their file is verified where the range ends within its data: nothing else
would be left to withhold, and the client would take the range for complete."""


class PieceSizes(Protocol):
    """How large chunks should be, asked for each of them."""

    def buffer_bytes(self) -> int:
        """Return the most that a buffer should have, unless one file has more."""

    def span_bytes(self) -> int:
        """Return the most that a span should have: it takes no memory."""


@dataclass(frozen=True, slots=True)
class FileSpan:
    """`count` bytes from `offset` of an open file, in memory as far as one can tell.

    The file is prompt: to look at it, or to send what is in memory, does not wait.
    """

    file: DiskFile
    offset: int
    count: int
    head: memoryview = NOTHING
    """Bytes to be sent in front of them: the header of the file.  A chunk of its own for each
    would cost as much again as the span, mostly in Python."""

    def __len__(self) -> int:
        return len(self.head) + self.count


Chunk = memoryview | FileSpan


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
        demand: DiskDemand,
    ) -> None:
        self.layout = layout
        self._checksums = checksums
        self._open_album = open_album
        self._threads = threads
        self._demand = demand
        self._assembler = Assembler(layout, checksums)
        self._maker = BatchMaker(layout, self._assembler)
        self._is_complete = False

    async def chunks(
        self, start: int, stop: int, pieces: PieceSizes
    ) -> AsyncGenerator[Chunk, None]:
        """Yield the bytes from `start` up to `stop`; close the generator to free what it holds.

        Raise DownloadFailed.
        """
        await self._checksums.load()
        with self._open_album() as files, self._hash_ahead(start, stop) as reached:
            async with aclosing(self._batches(start, stop, pieces, files)) as batches:
                async for offset, batch in batches:
                    reached(offset)
                    for ready in batch:
                        if isinstance(ready, memoryview):
                            yield ready
                            continue
                        if not isinstance(ready.file, DiskFile):
                            while chunk := await self._remote_chunk(ready.file, pieces):
                                yield chunk
                            continue
                        for piece in self._file_data(ready, ready.file, stop, pieces):
                            if isinstance(piece, memoryview) or _is_warm(piece):
                                yield piece
                                continue
                            if piece.head:  # does not wait for the disk
                                yield piece.head
                            yield await self._warmed(piece)
                        kept_back = _kept_back(ready.segment, stop)
                        rest = await self._rest(ready.segment, ready.file) if kept_back else NOTHING
                        # It may have been rewritten meanwhile.
                        await self._verify(files, ready.file, ready.segment)
                        if rest:
                            yield rest
                    self._checksums.store_learned(is_end=False)

    @contextmanager
    def _hash_ahead(self, start: int, stop: int) -> Iterator[Callable[[int], None]]:
        """Hash what is unknown ahead of the position, which is to be told."""
        self._is_complete = UNKNOWN not in self._checksums.values
        if self._is_complete:
            yield lambda _position: None
            return
        hash_ahead = Prefetch(self.layout, self._checksums, self._assembler.is_unknown)
        task = asyncio.ensure_future(hash_ahead.run(start, stop))
        try:
            yield hash_ahead.reached
        finally:
            task.cancel()
            self._checksums.store_learned()

    async def _batches(
        self, start: int, stop: int, pieces: PieceSizes, files: AlbumFiles
    ) -> AsyncGenerator[tuple[int, Batch], None]:
        """Yield batches and where they start, some made ahead while the one before is sent.

        Not so for a slow client, who would only hold more memory.
        """
        batch = self._maker.all_at_once(files) if stop - start == len(self.layout) else None
        makings: deque[tuple[int, _Making]] = deque()
        try:
            if batch:
                yield start, batch
                return
            plan = self._maker.planned(
                start, stop, piece_bytes=pieces.buffer_bytes, begins_batch=self._to_hash
            )
            segments = next(plan, None)
            while segments or makings:
                if segments and not makings:
                    await self._hash(segments)
                ahead = MADE_AHEAD if pieces.buffer_bytes() >= MADE_AHEAD_FROM_BYTES else 0
                while segments and len(makings) <= ahead and not self._to_hash(segments[0]):
                    makings.append((segments[0].start, self._make(segments, files)))
                    segments = next(plan, None)
                offset, making = makings[0]
                if making.done():  # or else a client that takes all at once would have the loop
                    await asyncio.sleep(0)
                    batch = making.result()
                else:
                    batch = await asyncio.shield(asyncio.wrap_future(making))
                makings.popleft()
                yield offset, batch
                close_files(batch)
        finally:
            close_files(batch or [])
            for _, making in makings:
                if not making.cancel():
                    making.add_done_callback(_close_made)

    async def _hash(self, segments: Sequence[Segment]) -> None:
        for entry in self._to_hash(segments[0]):
            await self._checksums.hashed(self.layout.sources[entry])

    def _to_hash(self, segment: Segment) -> list[int]:
        return [] if self._is_complete else self._assembler.to_hash(segment)

    def _make(self, segments: Sequence[Segment], files: AlbumFiles) -> _Making:
        if batch := self._maker.made_at_once(segments, files):
            making: _Making = Future()
            making.set_result(batch)
            return making
        return self._threads.submit(self._made, segments)

    def _made(self, segments: Sequence[Segment]) -> Batch:
        with self._open_album() as files:
            return self._maker.made(segments, files)

    async def _remote_chunk(self, file: RemoteFile, pieces: PieceSizes) -> memoryview:
        """Return what comes next, none at the end; its storage sees to it that it is good."""
        with self._demand.busy():
            return await file.chunk(pieces.buffer_bytes())

    def _file_data(
        self, data: OpenData, file: DiskFile, range_stop: int, pieces: PieceSizes
    ) -> Iterator[Chunk]:
        """Yield spans of the file, without what is kept back."""
        segment = data.segment
        data_offset = self.layout.data_offset(segment.entry)
        position = segment.start - data_offset
        stop = segment.stop - data_offset - _kept_back(segment, range_stop)
        head = data.head
        if head and (position == stop or len(head) >= pieces.span_bytes()):
            yield head
            head = NOTHING
        while position < stop:
            count = min(pieces.span_bytes() - len(head), stop - position)
            yield FileSpan(file, position, count, head)
            position += count
            head = NOTHING

    async def _rest(self, segment: FileData, file: DiskFile) -> memoryview:
        """Read what was kept back."""
        offset = segment.stop - self.layout.data_offset(segment.entry) - KEPT_BACK_BYTES
        span = FileSpan(file, offset, KEPT_BACK_BYTES)
        if _is_warm(span):
            return _read(span)
        return await self._in_thread(partial(_read, span))

    async def _verify(self, files: AlbumFiles, file: DiskFile, segment: FileData) -> None:
        """Check that a file is what was listed."""
        source = self.layout.sources[segment.entry]
        if file.is_prompt:
            files.verify(file, source)
        else:
            await self._in_thread(partial(files.verify, file, source))

    async def _warmed(self, span: FileSpan) -> Chunk:
        """Return a span once it is in memory: that of the kernel where it stays there, or ours."""
        if not span.file.is_prompt:
            return await self._in_thread(partial(_read, span))
        await self._in_thread(partial(_read_in, span))
        return replace(span, head=NOTHING)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        """Do what waits for the disk."""
        with self._demand.busy():
            return await asyncio.wrap_future(self._threads.submit(work))


def _is_warm(span: FileSpan) -> bool:
    return span.file.is_prompt and is_cached(span.file.fileno(), span.offset, span.count)


def _read(span: FileSpan) -> memoryview:
    """Read a span; raise DownloadFailed."""
    buffer = memoryview(bytearray(span.count))
    left, position = buffer, span.offset
    try:
        while left:
            count = os.preadv(span.file.fileno(), (left,), position)
            if not count:
                raise SourceChanged("resized")
            left, position = left[count:], position + count
    except OSError as error:
        raise SourceUnreadable.of(error) from None
    return buffer


def _read_in(span: FileSpan) -> None:
    """Have the kernel hold a span in memory; raise DownloadFailed."""
    try:
        read_in(span.file.fileno(), span.offset, span.count)
    except OSError as error:
        raise SourceUnreadable.of(error) from None


def _kept_back(segment: FileData, range_stop: int) -> int:
    return KEPT_BACK_BYTES if segment.stop == range_stop else 0


def _close_made(making: _Making) -> None:
    """Close the files of a batch whose download has ended meanwhile."""
    if not making.cancelled() and making.exception() is None:
        close_files(making.result())
