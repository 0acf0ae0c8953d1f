"""Parts of a file that were never written and read as zeros."""

from __future__ import annotations

import errno
import os
import time

from archive_service.storage.base import DiskFile

TRUSTED_AGE_NS = 60 * 1_000_000_000
"""Some file systems report a hole where written data has not reached the disk yet."""


def data_offset(file: DiskFile, offset: int, *, size: int, trusted_age_ns: int) -> int:
    """Return the offset of the next byte that may differ from zero, `size` if there is none.

    Return `offset` itself where the file system reports no holes, or where the file changed less
    than `trusted_age_ns` ago.  The file's position stays at the returned offset.
    Raise OSError.
    """
    status = os.fstat(file.fileno())
    is_sparse = getattr(status, "st_blocks", 0) * 512 < size
    if not is_sparse or time.time_ns() - status.st_ctime_ns < trusted_age_ns:
        return offset
    found = _next_data(file.fileno(), offset, size=size)
    file.seek(found)
    return found


def _next_data(descriptor: int, offset: int, *, size: int) -> int:
    seek_data = getattr(os, "SEEK_DATA", None)
    if seek_data is None:
        return offset
    try:
        return min(os.lseek(descriptor, offset, seek_data), size)
    except OSError as error:
        # ENXIO: the rest is a hole.  Others: a file system that reports none.
        return size if error.errno == errno.ENXIO else offset
