"""What the system tells of a file, as the columns of a listing have it: one row a file."""

from __future__ import annotations

import os
from struct import Struct

ROW = Struct(  # the `struct row` of `_smallfiles.c`
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
_MTIME_MIN_NS, _MTIME_MAX_NS = -(2**63), 2**63 - 1


def row(status: os.stat_result) -> bytes:
    """Return the row of a file."""
    return ROW.pack(
        status.st_size, mtime_ns(status), status.st_ctime_ns, status.st_ino, status.st_mode
    )


def empty_row(status: os.stat_result) -> bytes:
    """Return the row of a directory, which has no data."""
    return ROW.pack(0, mtime_ns(status), status.st_ctime_ns, status.st_ino, status.st_mode)


def mtime_ns(status: os.stat_result) -> int:
    """Return the modification time of a file, held at what a listing can tell: the year 2262."""
    return min(max(status.st_mtime_ns, _MTIME_MIN_NS), _MTIME_MAX_NS)


def change_token(status: os.stat_result) -> bytes:
    """Return the change token of a file."""
    return _CHANGE_TOKEN.pack(status.st_ctime_ns, status.st_ino)
