"""The bytes of what an archive is given out as."""

from __future__ import annotations

import os

from archive_service.transfer.file_span import Chunk, FileSpan


def bytes_of(chunk: Chunk) -> bytes:
    """Return what is sent of a chunk."""
    if isinstance(chunk, FileSpan):
        return bytes(chunk.head) + os.pread(chunk.file.fileno(), chunk.count, chunk.offset)
    return bytes(chunk)
