"""The CRC-32 of a file's data while it is sent.

On network file systems and FUSE, `fstat` may answer from a cache: behind the last byte, a file that
another machine has just rewritten still looks as listed.  Some never show it, because their ctime
is the mtime.  But the data of such a file passes through the memory of the process, so its CRC-32
is compared with that in the header.
"""

from __future__ import annotations

import time

from zlib_ng import zlib_ng

from archive_service.transfer.file_span import FileSpan, read_span


class SentCrc32:
    """Reads the spans of one file, and hashes them if they come in order from its first byte."""

    def __init__(self) -> None:
        self.read_from_ns = 0
        """A Unix time before the first byte was read."""
        self._crc32 = self._stop = 0

    def read(self, span: FileSpan) -> memoryview:
        """Read a span; raise DownloadFailed."""
        if not span.offset:
            self.read_from_ns = time.time_ns()
        data = read_span(span)
        if span.offset == self._stop:
            self._crc32, self._stop = zlib_ng.crc32(data, self._crc32), span.stop
        return data

    def crc32(self, size: int) -> int | None:
        """Return the CRC-32 of a file of a size; None if not all of it was read here."""
        return self._crc32 if self._stop == size else None
