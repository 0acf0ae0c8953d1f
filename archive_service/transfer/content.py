"""The bytes of an archive: any range of a layout as chunks ready to be sent.

Theory of operation.  `read_ahead` makes batches: it packs headers, reads and checks small files,
and opens and checks large ones.  The data of a large file on disk is not read: it is yielded as
spans of the open file, which the kernel sends.  The data of a remote file is fetched ahead and
yielded as it comes.  Meanwhile a task ahead of the send position has large files hashed whose
CRC-32 is unknown, so that their headers can be packed in time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    aclosing,
    closing,
    contextmanager,
    nullcontext,
)
from dataclasses import replace
from functools import partial

from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.listing import SourceIndex
from archive_service.archive.segments import FileData
from archive_service.checksums.album import AlbumChecksums
from archive_service.checksums.hashing_ahead import HashingAhead
from archive_service.checksums.suspected_files import AnnouncedFiles
from archive_service.http.multipart import Slice
from archive_service.storage.album_disk import AlbumDisk
from archive_service.storage.base import DiskFile, RemoteFile
from archive_service.transfer.batches import (
    BATCH_FILE_BYTES,
    NOTHING,
    Batch,
    BatchMaker,
    OpenData,
    close_files,
)
from archive_service.transfer.change_check import ChangeCheck
from archive_service.transfer.disk_rate import DiskRate
from archive_service.transfer.file_span import (
    Chunk,
    CopiedSpan,
    FileSpan,
    read_for_a_moment,
    warm_span,
)
from archive_service.transfer.little_archive import LittleArchive, is_little
from archive_service.transfer.read_ahead import PieceSizes, ReadAhead, give_up
from archive_service.transfer.referenced_files import (
    KEPT_BACK_BYTES,
    ReferencedFiles,
    ReferenceLimits,
    verified_when_read,
)
from archive_service.transfer.sent_crc32 import SentCrc32
from archive_service.transfer.unread_file_watch import unread_watched

LEAST_COPIED_BYTES, COPIED_SPAN_BYTES = 128 * 1024, 1024 * 1024
"""Sizes of a span that is read into the memory of the process: what the disk gives in a second."""
_NO_HASHING: nullcontext[Callable[[int], None]] = nullcontext(lambda _position: None)


class ArchiveContent:
    """The bytes of one archive, for all of its downloads; `open_album` gives access to the files.

    For calls from one event loop.
    """

    def __init__(
        self,
        layout: ArchiveLayout,
        checksums: AlbumChecksums,
        *,
        open_album: Callable[[], AbstractContextManager[AnnouncedFiles]],
        disk: AlbumDisk,
        references: ReferenceLimits,
    ) -> None:
        self.layout = layout
        self._checksums = checksums
        self._disk = disk
        self._changes = ChangeCheck(disk, open_album)
        self._references = references
        self._little: LittleArchive | None = None
        if is_little(layout):
            self._little = LittleArchive(layout, checksums, open_album, disk)
        self._maker = BatchMaker(layout, checksums, open_album, disk)

    def chunks(self, start: int, stop: int, pieces: PieceSizes) -> AsyncGenerator[Chunk, None]:
        """Yield the bytes from `start` up to `stop`; close the generator to free what it holds.

        Raise DownloadFailed.
        """
        referenced = ReferencedFiles(self._references, stop)
        chunks = self._chunks(start, stop, pieces, referenced)
        if not referenced.may_follow(start):
            return chunks
        return verified_when_read(
            chunks, referenced, self._changes.verify_read, start=start, stop=stop
        )

    def in_one_step(self, start: int, stop: int) -> memoryview:
        """Return the bytes of a little archive in memory; NOTHING of any other.

        They are in the thread's block: send them before anything else is done.
        """
        if self._little is None or not self._maker.is_complete():
            return NOTHING
        return self._little.made(start, stop)

    async def _chunks(
        self, start: int, stop: int, pieces: PieceSizes, referenced: ReferencedFiles
    ) -> AsyncGenerator[Chunk, None]:
        reading = ReadAhead(self._maker, self._disk, pieces, start=start, stop=stop)
        hashing = _NO_HASHING if reading.is_complete else self._hashing_ahead(start, stop)
        with closing(reading), hashing as reached:
            while (batch := await self._next_batch(reading, reached)) is not None:
                try:
                    async with aclosing(self._sent(batch, reading, referenced, pieces)) as sending:
                        async for chunk in sending:
                            yield chunk
                finally:
                    close_files(batch)
                self._checksums.flush_if_due()
                if reading.has_more():  # others get the event loop, too
                    await asyncio.sleep(0)

    @contextmanager
    def _hashing_ahead(self, start: int, stop: int) -> Iterator[Callable[[int], None]]:
        """Hash what is unknown ahead of the position that the caller reports."""
        prefetch = HashingAhead(self.layout, self._checksums)
        task = asyncio.ensure_future(prefetch.run(start, stop))
        try:
            with self._checksums.kept.used():
                yield prefetch.reached
        finally:
            task.cancel()
            self._checksums.flush()

    def watched(
        self, slices: Iterable[Slice], pieces: PieceSizes
    ) -> AbstractAsyncContextManager[None]:
        """Watch unread files for writers during a block that sends slices of the archive.

        Only on local disks: elsewhere writes of other machines go unreported, and opening waits.
        Enter it before the header fields are sent: a client that has them may write at once.
        """
        is_read = self._maker.is_complete() or not self._disk.is_prompt()
        if is_read or not any(self._takes_files(each, pieces) for each in slices):
            return nullcontext()
        return unread_watched(self._checksums, self._disk.in_thread)

    def _takes_files(self, each: Slice, pieces: PieceSizes) -> bool:
        plan = ReadAhead(self._maker, self._disk, pieces, start=each.start, stop=each.stop)
        return plan.needs_files()

    async def _next_batch(self, reading: ReadAhead, reached: Callable[[int], None]) -> Batch | None:
        """Return the next batch, once the CRC-32 values that it needs are known."""
        for source in reading.to_hash():
            await self._checksums.jobs.hashed(source)
        making = reading.next_batch()
        if making is None:
            return None
        batch = await _made(making.batch)
        reached(making.offset)
        return batch

    async def _sent(
        self, batch: Batch, reading: ReadAhead, referenced: ReferencedFiles, pieces: PieceSizes
    ) -> AsyncGenerator[Chunk, None]:
        """Yield the bytes of a batch; verify each open file behind its last byte."""
        for data in batch:
            if isinstance(data, memoryview):
                yield data
                continue
            if not isinstance(data.file, DiskFile):
                if data.head:
                    yield data.head
                while chunk := await self._remote_chunk(data.file, pieces):
                    yield chunk
                continue
            sent = SentCrc32()
            for piece in self._pieces(data, data.file, referenced, pieces, reading.disk_rate):
                if isinstance(piece, memoryview) or piece.is_prompt:
                    yield piece
                    continue
                reading.note_cold(self._read_cold)
                if piece.head:  # it need not wait for the disk
                    yield piece.head
                yield await self._warmed(piece, sent, reading.disk_rate)
            kept_back = _kept_back(data.segment, referenced.stop)
            rest = await self._rest(data.segment, data.file, sent) if kept_back else NOTHING
            await self._changes.verify(data.file, data)  # it may have been rewritten meanwhile
            self._compare(data.source, sent)
            if rest:
                yield rest

    async def _remote_chunk(self, file: RemoteFile, pieces: PieceSizes) -> memoryview:
        """Return the next bytes, none at the end; the storage has checked them."""
        with self._disk.demand.busy():
            return await file.chunk(pieces.buffer_bytes())

    def _pieces(
        self,
        data: OpenData,
        file: DiskFile,
        referenced: ReferencedFiles,
        pieces: PieceSizes,
        rate: DiskRate,
    ) -> Iterator[Chunk]:
        """Yield spans of the file, without what is kept back."""
        segment = data.segment
        data_offset = self.layout.data_offset(segment.entry)
        position = segment.start - data_offset
        stop = segment.stop - data_offset - _kept_back(segment, referenced.stop)
        head = data.head
        span_bytes = pieces.span_bytes()
        if head and (position == stop or len(head) >= span_bytes):
            yield head
            head = NOTHING
        while position < stop:
            if not file.is_prompt:  # it is read into the memory of the process
                span_bytes = min(span_bytes, _copied_bytes(rate))
            count = min(span_bytes - len(head), stop - position)
            position += count
            is_referenced = referenced.take(data, data_offset + position)
            kind = FileSpan if is_referenced else CopiedSpan
            yield kind(file, position - count, count, head)
            head = NOTHING
            span_bytes = pieces.span_bytes()

    async def _rest(self, segment: FileData, file: DiskFile, sent: SentCrc32) -> memoryview:
        """Read the byte that was kept back."""
        offset = segment.stop - self.layout.data_offset(segment.entry) - KEPT_BACK_BYTES
        span = FileSpan(file, offset, KEPT_BACK_BYTES)
        return await self._disk.done(partial(sent.read, span), span)

    def _compare(self, source: SourceIndex, sent: SentCrc32) -> None:
        """Raise SourceChanged if what was sent of a file has not the CRC-32 of its header."""
        crc32 = sent.crc32(self.layout.listing.sizes[source])
        if crc32 is not None:
            self._checksums.learn([source], [crc32], read_from_ns=sent.read_from_ns)

    def _read_cold(self, batch: Batch) -> None:
        """Have a local disk read large files of a batch."""
        read_for_a_moment(
            FileSpan(
                ready.file,
                ready.segment.start - self.layout.data_offset(ready.segment.entry),
                min(ready.segment.stop - ready.segment.start, BATCH_FILE_BYTES),
            )
            for ready in batch
            if isinstance(ready, OpenData) and isinstance(ready.file, DiskFile)
        )

    async def _warmed(self, span: FileSpan, sent: SentCrc32, rate: DiskRate) -> Chunk:
        """Read a span into the page cache; on slow file systems, into a buffer of the process."""
        if not span.file.is_prompt:
            began_s = time.monotonic()
            data = await self._disk.in_thread(partial(sent.read, span))
            rate.note(len(data), time.monotonic() - began_s)
            return data
        await self._disk.in_thread(partial(warm_span, span))
        return replace(span, head=NOTHING)


async def _made(batch: Future[Batch]) -> Batch:
    if batch.done():
        return batch.result()
    try:
        # Not shielded: the loop reports what a shield lets fail with nobody waiting.
        return await asyncio.wrap_future(batch)
    except asyncio.CancelledError:
        give_up(batch)
        raise


def _copied_bytes(rate: DiskRate) -> int:
    return int(max(LEAST_COPIED_BYTES, min(COPIED_SPAN_BYTES, rate.bytes_in(1.0))))


def _kept_back(segment: FileData, range_stop: int) -> int:
    return KEPT_BACK_BYTES if segment.stop == range_stop else 0
