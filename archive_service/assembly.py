"""Batches of segments turned into buffers: headers packed, small files read in."""

from __future__ import annotations

import time

from zlib_ng import zlib_ng

from archive_service.checksums import UNKNOWN, AlbumChecksums
from archive_service.layout import ArchiveLayout
from archive_service.segments import Batch, CentralHeader, FileData, LocalHeader, Segment
from archive_service.storage.base import AlbumFiles

LARGE_FILE_BYTES = 128 * 1024
"""From here on `sendfile` costs less than a copy; below, less than its own set-up."""


class Assembler:
    """Packs the batches of one layout.

    A small file is read whole and verified, even for a part of it; one whose CRC-32 is unknown
    when its header's turn comes is hashed from the same bytes that are sent.
    """

    def __init__(self, layout: ArchiveLayout, checksums: AlbumChecksums) -> None:
        self._layout = layout
        self._checksums = checksums

    def is_large(self, entry: int) -> bool:
        """Tell whether an entry's data is sent from its file, and hashed apart."""
        return self._layout.size(entry) >= LARGE_FILE_BYTES

    def is_unknown(self, entry: int) -> bool:
        """Tell whether an entry's CRC-32 is yet to be learned."""
        return self._checksums.values[self._layout.sources[entry]] == UNKNOWN

    def entries_to_hash(self, batch: Batch) -> list[int]:
        """Return the entries whose CRC-32 must be learned before the batch is assembled."""
        return [
            segment.entry
            for segment in batch
            if isinstance(segment, (LocalHeader, CentralHeader))
            and self.is_unknown(segment.entry)
            and (isinstance(segment, CentralHeader) or self.is_large(segment.entry))
        ]

    def reads_files(self, batch: Batch) -> bool:
        """Tell whether assembling the batch opens files."""
        return any(
            isinstance(segment, FileData)
            or (isinstance(segment, LocalHeader) and self.is_unknown(segment.entry))
            for segment in batch
        )

    def assemble(self, batch: Batch, files: AlbumFiles) -> bytearray:
        """Return the bytes of a batch; raise DownloadFailed where a file isn't what was listed."""
        buffer = bytearray()
        read_entry, data = -1, b""
        for segment in batch:
            if isinstance(segment, FileData) or (
                isinstance(segment, LocalHeader) and self.is_unknown(segment.entry)
            ):
                if segment.entry != read_entry:
                    read_entry, data = segment.entry, self._read(segment.entry, files)
            piece = data if isinstance(segment, FileData) else self._record(segment)
            buffer += piece[segment.start : segment.stop]
        return buffer

    def _read(self, entry: int, files: AlbumFiles) -> bytes:
        source = self._layout.sources[entry]
        if not self.is_unknown(entry):
            return files.read(source)
        read_from_ns = time.time_ns()
        data = files.read(source)
        self._checksums.learn(source, zlib_ng.crc32(data), read_from_ns=read_from_ns)
        return data

    def _record(self, segment: Segment) -> bytes:
        layout = self._layout
        if isinstance(segment, LocalHeader):
            return layout.local_file_header(segment.entry, self._crc32(segment.entry))
        if isinstance(segment, CentralHeader):
            return layout.central_directory_header(segment.entry, self._crc32(segment.entry))
        return layout.end_records

    def _crc32(self, entry: int) -> int:
        return self._checksums.values[self._layout.sources[entry]]
