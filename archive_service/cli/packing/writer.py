"""The bytes of an archive, written once from its first to its last.

The CRC-32 stands before the data it is of.  Where the output can be written to at any position
the header is written again once the data has passed by; where it can't, as in a pipe, a large
file is read twice.  Small files are read whole, either way.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle, groupby, islice

from zlib_ng import zlib_ng

from archive_service.archive.errors import DownloadFailed, SourceChanged, SourceUnreadable
from archive_service.archive.layout import ArchiveLayout
from archive_service.cli.packing.pack_errors import EntryFailed
from archive_service.storage.base import AlbumFiles
from archive_service.transfer.entry_buffer import EntryBuffer

BLOCK_BYTES = 1024 * 1024
"""Read or written at once; smaller is slower, larger falls out of the processor's cache."""
BUFFERED_FILE_BYTES = BLOCK_BYTES
"""From here on a file is large: it goes through a buffer, block by block.  The layout knows it."""
MAX_RUN = 1024
"""Files read in one run, however small."""
RUNS_AHEAD = 2
"""Runs of small files that are read, or wait to be, while one is written: a reader that has to be
woken for each is late."""
HEADERS_AT_ONCE = 10_000
"""Central directory headers written at once."""

_Hashed = tuple[memoryview, int]


class ArchiveWriter(ABC):
    """Writes one archive to the file descriptor `output`."""

    def __init__(
        self,
        layout: ArchiveLayout,
        files: AlbumFiles,
        output: int,
        *,
        on_progress: Callable[[int], object],
    ) -> None:
        self._layout = layout
        self._files = files
        self._output = output
        self._on_progress = on_progress
        # One is read into while the other is written.
        self._buffers = cycle([memoryview(bytearray(BLOCK_BYTES)) for _ in range(2)])
        self._crc32s = array("L", bytes(array("L").itemsize * layout.entries))

    @staticmethod
    @abstractmethod
    def work_bytes(layout: ArchiveLayout) -> int:
        """Return the sum of the bytes that `on_progress` will be told of."""

    def write(self) -> None:
        """Write the archive.

        Raise EntryFailed where a file is the cause, OSError where the output is.
        """
        # Read and written at the same time; by one thread each, as `AlbumFiles` wants it.
        with ThreadPoolExecutor(1) as self._reader:
            for are_large, runs in groupby(self._runs(), self._is_large):
                if are_large:
                    for (entry,) in runs:
                        self._crc32s[entry] = self._write_large(entry)
                else:
                    self._write_small(runs)
        for first in range(0, self._layout.entries, HEADERS_AT_ONCE):
            entries = range(first, min(first + HEADERS_AT_ONCE, self._layout.entries))
            crc32s = self._crc32s[entries.start : entries.stop]
            self._send(b"".join(self._layout.central_directory_headers(entries, crc32s)))
        self._send(self._layout.end_records)

    def _runs(self) -> Iterator[range]:
        """Yield the entries: one whose data goes through the buffer, or several that are read."""
        sizes = self._layout.sizes
        start, room = 0, BLOCK_BYTES
        for entry in range(self._layout.entries):
            is_large = sizes[entry] >= BUFFERED_FILE_BYTES
            if start < entry and (is_large or room <= 0 or entry - start >= MAX_RUN):
                yield range(start, entry)
                start, room = entry, BLOCK_BYTES
            room -= sizes[entry]
            if is_large:
                yield range(entry, entry + 1)
                start, room = entry + 1, BLOCK_BYTES
        if start < self._layout.entries:
            yield range(start, self._layout.entries)

    def _is_large(self, entries: range) -> bool:
        return self._layout.sizes[entries.start] >= BUFFERED_FILE_BYTES

    def _begin_to_read(self, entries: range) -> Future[EntryBuffer]:
        return self._reader.submit(self._read, entries)

    def _read(self, entries: range) -> EntryBuffer:
        run = EntryBuffer(self._layout, entries)
        try:
            run.read(self._files)
        except DownloadFailed as error:
            first = self._layout.sources[entries.start]
            raise EntryFailed(first if error.source is None else error.source, error) from None
        return run

    def _write_small(self, runs: Iterator[range]) -> None:
        reading = deque(map(self._begin_to_read, islice(runs, RUNS_AHEAD)))
        while reading:
            run = reading.popleft().result()
            reading.extend(map(self._begin_to_read, islice(runs, 1)))
            crc32s = array("L", map(zlib_ng.crc32, run.data(run.entries)))
            self._crc32s[run.entries.start : run.entries.stop] = crc32s
            run.put_headers(crc32s)
            self._send(run.bytes)

    def _write_large(self, entry: int) -> int:
        try:
            return self._write_in_blocks(entry)
        except DownloadFailed as error:
            raise EntryFailed(self._layout.sources[entry], error) from None

    @abstractmethod
    def _write_in_blocks(self, entry: int) -> int:
        """Write an entry whose data goes through the buffer; return its CRC-32."""

    def _send(self, data: bytes | memoryview) -> None:
        """Write at once."""
        view = memoryview(data)
        while view:
            written = os.write(self._output, view)
            self._on_progress(written)
            view = view[written:]

    def _copy(self, entry: int) -> int:
        """Write an entry's data; return its CRC-32."""
        value = 0
        for block, crc32 in self._read_ahead(self._hashed_blocks(entry)):
            self._send(block)
            value = crc32
        return value

    def _hash(self, entry: int) -> int:
        """Return the CRC-32 of an entry's data."""
        value = 0
        for block, crc32 in self._hashed_blocks(entry):
            self._on_progress(len(block))
            value = crc32
        return value

    def _read_ahead(self, blocks: Iterator[_Hashed]) -> Iterator[_Hashed]:
        """Yield blocks, the next of which is read and hashed meanwhile."""
        reading = self._reader.submit(next, blocks, None)
        while hashed := reading.result():
            reading = self._reader.submit(next, blocks, None)
            yield hashed

    def _hashed_blocks(self, entry: int) -> Iterator[_Hashed]:
        """Yield the data of an entry, verified before and after, and the CRC-32 up to there.

        A block is in a buffer that the next but one is read into.
        """
        source, remaining = self._layout.sources[entry], self._layout.sizes[entry]
        crc32 = 0
        with self._files.open(source) as file:
            while remaining:
                buffer = next(self._buffers)
                try:
                    count = file.readinto(buffer[:remaining])
                except OSError as error:
                    raise SourceUnreadable.of(error) from None
                if not count:
                    raise SourceChanged("resized")
                remaining -= count
                crc32 = zlib_ng.crc32(buffer[:count], crc32)
                yield buffer[:count], crc32
            self._files.verify(file, source)


class FileWriter(ArchiveWriter):
    """Writes to a regular file of its own, from position 0 on; reads every file once."""

    @staticmethod
    def work_bytes(layout: ArchiveLayout) -> int:
        """Return the length of the archive; see `ArchiveWriter.work_bytes`."""
        return len(layout)

    def _write_in_blocks(self, entry: int) -> int:
        self._send(self._layout.local_file_header(entry, 0))
        crc32 = self._copy(entry)
        header = self._layout.local_file_header(entry, crc32)
        os.pwrite(self._output, header, self._layout.header_offsets[entry])
        return crc32


class StreamWriter(ArchiveWriter):
    """Writes to what can't be rewound; reads large files twice."""

    @staticmethod
    def work_bytes(layout: ArchiveLayout) -> int:
        """Return the bytes written, and those hashed; see `ArchiveWriter.work_bytes`."""
        return len(layout) + sum(size for size in layout.sizes if size >= BUFFERED_FILE_BYTES)

    def _write_in_blocks(self, entry: int) -> int:
        crc32 = self._hash(entry)
        self._send(self._layout.local_file_header(entry, crc32))
        if self._copy(entry) != crc32:
            # Times tell of most changes, not of two within one tick of the clock.
            raise SourceChanged("rewritten")
        return crc32
