"""Writes an archive once, from its first byte to its last.

The bytes come from the engine that serves downloads (`transfer.read_ahead`).  Only the source of a
large file's CRC-32, which precedes the data, differs.  In a regular file the header is written
again once the data is known.  For a pipe a large file is read twice.  Small files are read whole in
either case.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import cached_property
from itertools import cycle

from archive_service.archive.errors import DownloadFailed, SourceChanged, SourceSuspected
from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.listing import SourceIndex
from archive_service.checksums.crc32_column import Crc32Column
from archive_service.checksums.hash_blocks import HashedBlock, begin_hash, hash_blocks
from archive_service.checksums.suspected_files import FilesReadTwice
from archive_service.storage.album_disk import AlbumDisk
from archive_service.storage.base import AlbumFiles, SourceFile
from archive_service.storage.disk_demand import DiskDemand
from archive_service.transfer.batches import Batch, BatchMaker, OpenData, close_files
from archive_service.transfer.read_ahead import ReadAhead

BLOCK_BYTES = 1024 * 1024
"""Bytes read or written at once: fewer are slower, more fall out of the processor's cache."""
BUFFERED_FILE_BYTES = BLOCK_BYTES
"""From here on a file is large: it goes through a buffer, block by block.  The layout knows it."""
_THREADS = 2
"""They read while this one writes."""


class ArchiveWriter(ABC):
    """Writes one archive to the file descriptor `output`."""

    def __init__(
        self,
        layout: ArchiveLayout,
        open_files: Callable[[], AbstractContextManager[AlbumFiles]],
        output: int,
        *,
        on_progress: Callable[[int], object],
    ) -> None:
        self._layout = layout
        self._open_files = open_files
        self._output = output
        self._on_progress = on_progress
        self._checksums = Crc32Column(len(layout.listing))
        self._threads = ThreadPoolExecutor(_THREADS)
        self._disk = AlbumDisk(self._threads, DiskDemand())
        self._maker = BatchMaker(layout, self._checksums, self._files, self._disk)

    @staticmethod
    @abstractmethod
    def work_bytes(layout: ArchiveLayout) -> int:
        """Return the total that `on_progress` will count up to."""

    def write(self) -> None:
        """Write the archive.

        Raise DownloadFailed with the source for a file that fails, OSError for the output.
        """
        central_directory = self._layout.header_offsets[-1]
        with self._threads:
            self._write_range(0, central_directory)
            self._write_range(central_directory, len(self._layout))

    def _files(self) -> FilesReadTwice:
        return FilesReadTwice(self._open_files(), self._layout.listing)

    def buffer_bytes(self) -> int:
        """Return the largest size of a buffer; see `PieceSizes`."""
        return BLOCK_BYTES

    def span_bytes(self) -> int:
        """Return the largest size of a span; see `PieceSizes`."""
        return BLOCK_BYTES

    def _write_range(self, start: int, stop: int) -> None:
        reading = ReadAhead(self._maker, self._disk, self, start=start, stop=stop)
        with closing(reading):
            while True:
                for source in reading.to_hash():
                    self._hash(source)
                making = reading.next_batch()
                if making is None:
                    return
                self._write_batch(making.batch.result())

    def _write_batch(self, batch: Batch) -> None:
        try:
            for ready in batch:
                if isinstance(ready, memoryview):
                    self._send(ready)
                    continue
                self._send(ready.head)
                with _naming(ready.source):
                    self._write_data(ready)
        finally:
            close_files(batch)

    @abstractmethod
    def _write_data(self, data: OpenData) -> None:
        """Write the data of a large file."""

    def _hash(self, source: SourceIndex) -> None:
        """Learn the CRC-32 of a large file."""
        began = begin_hash()
        with _naming(source), self._files() as files, files.open(source) as file:
            value = 0
            for block in self._blocks(file, source):
                self._on_progress(len(block.data))
                value = block.state.crc32
            with suppress(SourceSuspected):  # it is compared when it is read again
                files.verify(file, source)
        self._checksums.learn([source], [value], read_from_ns=began.read_from_ns)

    def _copy(self, data: OpenData) -> int:
        """Write the data of a large file; return its CRC-32."""
        value = 0
        for block in self._read_ahead(self._blocks(data.file, data.source)):
            self._send(block.data)
            value = block.state.crc32
        try:
            data.verify()
        except SourceSuspected:
            with self._files() as files:
                _require_equal(files.crc32(data.source), value)
        return value

    def _blocks(self, file: SourceFile, source: SourceIndex) -> Iterator[HashedBlock]:
        size = self._layout.listing.sizes[source]
        return hash_blocks(file, begin_hash(), size=size, buffers=self._buffers)

    @cached_property
    def _buffers(self) -> Iterator[memoryview]:
        """Two blocks for large files: one is filled while the other is written."""
        return cycle([memoryview(bytearray(BLOCK_BYTES)) for _ in range(2)])

    def _read_ahead(self, blocks: Iterator[HashedBlock]) -> Iterator[HashedBlock]:
        """Yield blocks, while a thread reads and hashes the next one."""
        reading = self._threads.submit(next, blocks, None)
        while block := reading.result():
            reading = self._threads.submit(next, blocks, None)
            yield block

    def _send(self, view: memoryview) -> None:
        """Write all of the data."""
        while view:
            written = os.write(self._output, view)
            self._on_progress(written)
            view = view[written:]


class FileWriter(ArchiveWriter):
    """Writes to a regular file of its own, from position 0 on; reads every file once."""

    @staticmethod
    def work_bytes(layout: ArchiveLayout) -> int:
        """Return the length of the archive; see `ArchiveWriter.work_bytes`."""
        return len(layout)

    def write(self) -> None:
        """Write the archive; see `ArchiveWriter.write`."""
        for entry in self._layout.large_entries:  # until its data has passed by
            self._checksums.values[self._layout.sources[entry]] = 0
        super().write()

    def _write_data(self, data: OpenData) -> None:
        crc32 = self._copy(data)
        self._checksums.values[data.source] = crc32
        entry = data.segment.entry
        header = self._layout.local_file_header(entry, crc32)
        os.pwrite(self._output, header, self._layout.header_offsets[entry])


class StreamWriter(ArchiveWriter):
    """Writes to an output without positions, such as a pipe; reads large files twice."""

    @staticmethod
    def work_bytes(layout: ArchiveLayout) -> int:
        """Return the bytes written, and those hashed; see `ArchiveWriter.work_bytes`."""
        return len(layout) + sum(layout.sizes[entry] for entry in layout.large_entries)

    def _write_data(self, data: OpenData) -> None:
        # Times show most changes, but not two within one tick of the clock.
        _require_equal(self._copy(data), self._checksums.values[data.source])


def _require_equal(crc32: int, other_crc32: int) -> None:
    if crc32 != other_crc32:
        raise SourceChanged("rewritten")


@contextmanager
def _naming(source: SourceIndex) -> Iterator[None]:
    """Add the source to a DownloadFailed."""
    try:
        yield
    except DownloadFailed as error:
        error.source = source
        raise
