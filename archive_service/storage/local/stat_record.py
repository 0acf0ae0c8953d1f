"""The `stat` of files as rows for the columns of a listing."""

from __future__ import annotations

import os
from struct import Struct

from archive_service.archive.errors import ArchiveTooLarge
from archive_service.archive.listing import MOST_BYTES, held_ns

ROW = Struct(  # the `struct row` of `_smallfiles.h`
    "="
    "Q"  # size, bytes
    "q"  # mtime, nanoseconds since the Unix epoch
    "q"  # ctime, likewise
    "Q"  # inode number
    "Q"  # mode, with the kind of the file
)
SIZE, MTIME, CTIME, INODE, MODE = range(5)
COLUMNS = 5
_CHANGE_TOKEN = Struct("<qQ")  # ctime in nanoseconds, inode number


def row(status: os.stat_result) -> bytes:
    """Return the row of a file.

    Raise ArchiveTooLarge where its size is beyond what the system can count.
    """
    if not 0 <= status.st_size <= MOST_BYTES:
        raise ArchiveTooLarge("file too large")
    return ROW.pack(
        status.st_size, mtime_ns(status), ctime_ns(status), status.st_ino, status.st_mode
    )


def empty_row(status: os.stat_result) -> bytes:
    """Return the row of a directory, which has no data."""
    return ROW.pack(0, mtime_ns(status), ctime_ns(status), status.st_ino, status.st_mode)


def mtime_ns(status: os.stat_result) -> int:
    """Return the modification time of a file, as a listing can hold it."""
    return held_ns(status.st_mtime_ns)


def ctime_ns(status: os.stat_result) -> int:
    """Return the change time of a file, as a listing can hold it."""
    return held_ns(status.st_ctime_ns)


def change_token(status: os.stat_result) -> bytes:
    """Return the change token of a file."""
    return _CHANGE_TOKEN.pack(held_ns(status.st_ctime_ns), status.st_ino)
