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
from dataclasses import dataclass, replace
from io import FileIO
from typing import Protocol

from archive_service.archive.errors import SourceSuspected, SourceUnreadable
from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.segments import FileData, Segment
from archive_service.checksums.album import UNKNOWN, AlbumChecksums
from archive_service.checksums.disk_demand import DiskDemand
from archive_service.checksums.prefetch import Prefetch
from archive_service.checksums.suspicion import AnnouncedFiles
from archive_service.storage.base import AlbumFiles, RemoteFile
from archive_service.storage.local.page_cache import is_cached, read_in
from archive_service.transfer.assembler import Assembler
from archive_service.transfer.batches import NOTHING, Batch, BatchMaker, OpenData, close_files

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
    """`count` bytes from `offset` of an open file, in memory as far as one can tell."""

    file: FileIO
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
        open_album: Callable[[], AbstractContextManager[AnnouncedFiles]],
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
                        if not isinstance(ready.file, FileIO):
                            while chunk := await self._remote_chunk(ready.file, pieces):
                                yield chunk
                            continue
                        for piece in self._file_data(ready, ready.file, stop, pieces):
                            if isinstance(piece, memoryview) or _is_warm(piece):
                                yield piece
                                continue
                            if piece.head:  # does not wait for the disk
                                yield piece.head
                            await self._warm(piece)
                            yield replace(piece, head=NOTHING)
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
        makings: deque[tuple[int, asyncio.Future[Batch]]] = deque()
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
                batch = await asyncio.shield(making)
                makings.popleft()
                yield offset, batch
                close_files(batch)
        finally:
            close_files(batch or [])
            for _, making in makings:
                making.add_done_callback(_close_made)

    async def _hash(self, segments: Sequence[Segment]) -> None:
        for entry in self._to_hash(segments[0]):
            await self._checksums.hashed(self.layout.sources[entry])

    def _to_hash(self, segment: Segment) -> list[int]:
        return [] if self._is_complete else self._assembler.to_hash(segment)

    def _make(self, segments: Sequence[Segment], files: AlbumFiles) -> asyncio.Future[Batch]:
        loop = asyncio.get_running_loop()
        if batch := self._maker.made_at_once(segments, files):
            making = loop.create_future()
            making.set_result(batch)
        else:
            making = loop.run_in_executor(self._threads, self._made, segments)
            making.add_done_callback(_see_exception)
        return making

    def _made(self, segments: Sequence[Segment]) -> Batch:
        with self._open_album() as files:
            return self._maker.made(segments, files)

    async def _remote_chunk(self, file: RemoteFile, pieces: PieceSizes) -> memoryview:
        """Return what comes next, none at the end; its storage sees to it that it is good."""
        with self._demand.busy():
            return await file.chunk(pieces.buffer_bytes())

    def _file_data(
        self, data: OpenData, file: FileIO, range_stop: int, pieces: PieceSizes
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

    async def _rest(self, segment: FileData, file: FileIO) -> memoryview:
        """Read what was kept back."""
        offset = segment.stop - self.layout.data_offset(segment.entry) - KEPT_BACK_BYTES
        span = FileSpan(file, offset, KEPT_BACK_BYTES)
        if not _is_warm(span):
            await self._warm(span)
        try:
            return memoryview(os.pread(file.fileno(), span.count, offset))
        except OSError as error:
            raise SourceUnreadable.of(error) from None

    async def _verify(self, files: AnnouncedFiles, file: FileIO, segment: FileData) -> None:
        """Check a file that was sent; read it again where only that tells."""
        source = self.layout.sources[segment.entry]
        try:
            files.verify(file, source)
        except SourceSuspected:
            with self._demand.busy():
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._threads, self._settle, source)

    def _settle(self, source: int) -> None:
        with self._open_album() as files:
            files.settle(source)

    async def _warm(self, span: FileSpan) -> None:
        descriptor = span.file.fileno()
        loop = asyncio.get_running_loop()
        try:
            with self._demand.busy():
                await loop.run_in_executor(
                    self._threads, read_in, descriptor, span.offset, span.count
                )
        except OSError as error:
            raise SourceUnreadable.of(error) from None


def _is_warm(span: FileSpan) -> bool:
    return is_cached(span.file.fileno(), span.offset, span.count)


def _kept_back(segment: FileData, range_stop: int) -> int:
    return KEPT_BACK_BYTES if segment.stop == range_stop else 0


def _close_made(making: asyncio.Future[Batch]) -> None:
    """Close the files of a batch whose download has ended meanwhile."""
    if not making.cancelled() and making.exception() is None:
        close_files(making.result())


def _see_exception(making: asyncio.Future[Batch]) -> None:
    """Look at an exception that nobody may be waiting for any more."""
    if not making.cancelled():
        making.exception()
