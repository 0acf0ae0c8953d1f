"""The bytes of an archive: any range of a layout as chunks ready to be sent.

Theory of operation.  A segment of headers and small files becomes one buffer, its files opened,
checked and read in one visit to a worker thread.  The data of a large file is not read at all: it
is given out as spans of the open file, to be sent by the kernel.  Meanwhile a task runs ahead of
the send position and has large files hashed whose CRC-32 will be needed, so that their headers can
be packed when their turn comes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from io import FileIO
from typing import TypeVar

from archive_service.assembly import Assembler
from archive_service.checksums import AlbumChecksums
from archive_service.errors import SourceUnreadable
from archive_service.hashahead import HashAhead
from archive_service.layout import ArchiveLayout
from archive_service.segments import CentralHeaders, EndRecords, Entries, FileData, Segment
from archive_service.storage.base import AlbumFiles
from archive_service.storage.pagecache import is_cached, read_in

STORE_LEARNED_EVERY = 4096
"""CRC-32 values a running download keeps back at most before they are written to the index."""
MADE_AHEAD_FROM_BYTES = 256 * 1024
"""Size of the pieces from which on a client counts as quick."""
KEPT_BACK_BYTES = 1
"""Bytes not sent before their file is verified where the range ends within its data: nothing else
would be left to withhold, and the client would take the range for complete."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class FileSpan:
    """`count` bytes from `offset` of an open file, in memory as far as one can tell."""

    file: FileIO
    offset: int
    count: int


Chunk = bytes | FileSpan


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
    ) -> None:
        self._layout = layout
        self._checksums = checksums
        self._open_album = open_album
        self._threads = threads
        self._assembler = Assembler(layout, checksums)

    async def chunks(
        self, start: int, stop: int, *, piece_bytes: Callable[[], int]
    ) -> AsyncGenerator[Chunk, None]:
        """Yield the bytes from `start` up to `stop`; close the generator to free what it holds.

        `piece_bytes` is asked for the size of each chunk.  Raise DownloadFailed.
        """
        segments = self._layout.segments(start, stop, piece_bytes=piece_bytes)
        async with (
            self._learning(start, stop) as hash_ahead,
            aclosing(self._made(segments, piece_bytes)) as made,
        ):
            async for segment, buffer in made:
                hash_ahead.reached(segment.start)
                if isinstance(segment, FileData):
                    kept_back = KEPT_BACK_BYTES if segment.stop == stop else 0
                    data = self._file_data(segment, piece_bytes, kept_back=kept_back)
                    async with aclosing(data) as file_chunks:
                        async for chunk in file_chunks:
                            yield chunk
                else:
                    yield buffer
                self._checksums.store_learned(at_least=STORE_LEARNED_EVERY)

    async def _made(
        self, segments: Iterator[Segment], piece_bytes: Callable[[], int]
    ) -> AsyncGenerator[tuple[Segment, bytes], None]:
        """Yield segments with their buffers, each made while the one before is sent.

        Not so for a slow client, who would only hold more memory.
        """
        segment = next(segments, None)
        making = None
        try:
            while segment is not None:
                buffer = await (making or self._make(segment))
                following = next(segments, None)
                making = None
                if following is not None and piece_bytes() >= MADE_AHEAD_FROM_BYTES:
                    making = self._make(following)
                yield segment, buffer
                segment = following
        finally:
            if making is not None:
                making.cancel()

    @asynccontextmanager
    async def _learning(self, start: int, stop: int) -> AsyncIterator[HashAhead]:
        await self._checksums.load()
        hash_ahead = HashAhead(self._layout, self._checksums, self._assembler.is_unknown)
        task = asyncio.ensure_future(hash_ahead.run(start, stop))
        try:
            yield hash_ahead
        finally:
            task.cancel()
            self._checksums.store_learned()

    async def _file_data(
        self, data: FileData, piece_bytes: Callable[[], int], *, kept_back: int
    ) -> AsyncGenerator[Chunk, None]:
        """Yield spans of the file, then what is kept back until they are known to be good."""
        source, data_offset = self._layout.sources[data.entry], self._layout.data_offset(data.entry)
        file = await self._open_file(source)
        try:
            position, stop = data.start - data_offset, data.stop - data_offset - kept_back
            while position < stop:
                span = FileSpan(file, position, min(piece_bytes(), stop - position))
                await self._warm(span)
                yield span
                position += span.count
            if kept_back:
                await self._warm(FileSpan(file, stop, kept_back))
            rest = self._rest(file, source, offset=stop, count=kept_back)
            if rest:
                yield rest
        finally:
            file.close()

    def _rest(self, file: FileIO, source: int, *, offset: int, count: int) -> bytes:
        """Read what was kept back; then verify, as the file may have been rewritten meanwhile."""
        try:
            data = os.pread(file.fileno(), count, offset)
        except OSError as error:
            raise SourceUnreadable.of(error) from None
        with self._open_album() as files:
            files.verify(file, source)
        return data

    async def _open_file(self, source: int) -> FileIO:
        opening = self._in_thread(lambda: self._open(source))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)
            raise

    def _open(self, source: int) -> FileIO:
        with self._open_album() as files:
            return files.open(source)

    async def _warm(self, span: FileSpan) -> None:
        descriptor = span.file.fileno()
        if not is_cached(descriptor, span.offset, span.count):
            try:
                await self._in_thread(lambda: read_in(descriptor, span.offset, span.count))
            except OSError as error:
                raise SourceUnreadable.of(error) from None

    def _make(self, segment: Segment) -> asyncio.Future[bytes]:
        """Begin to make a segment's buffer, at once where nothing has to be waited for."""
        if (
            isinstance(segment, Entries)
            and self._assembler.reads_files(segment)
            and not self._assembler.to_hash(segment)
        ):
            making = self._in_thread(lambda: self._entries(segment))
        else:
            making = asyncio.ensure_future(self._buffer(segment))
        making.add_done_callback(_see_exception)
        return making

    async def _buffer(self, segment: Segment) -> bytes:
        if isinstance(segment, FileData):
            return b""
        if isinstance(segment, EndRecords):
            return self._assembler.end_records(segment)
        for entry in self._assembler.to_hash(segment):
            await self._checksums.hashed(self._layout.sources[entry])
        if isinstance(segment, CentralHeaders):
            return self._assembler.central_headers(segment)
        return await self._in_thread(lambda: self._entries(segment))

    def _entries(self, segment: Entries) -> bytes:
        with self._open_album() as files:
            return self._assembler.entries(segment, files)

    def _in_thread(self, work: Callable[[], _Result]) -> asyncio.Future[_Result]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work)


def _close_opened(opening: asyncio.Future[FileIO]) -> None:
    """Close a file whose opener has left meanwhile."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _see_exception(making: asyncio.Future[bytes]) -> None:
    """Look at an exception that nobody may be waiting for any more."""
    if not making.cancelled():
        making.exception()
