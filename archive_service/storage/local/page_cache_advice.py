"""Advises the kernel on the page cache: what will be read, and what will not be read again."""

from __future__ import annotations

import os
from contextlib import suppress

_WINDOW_BYTES = 128 * 1024
"""The kernel's usual read-ahead; on the network, one advice reads at most as much."""


def read_ahead(descriptor: int, offset: int, count: int) -> None:
    """Have the kernel begin to read the data; wait at most for a free slot in its queue."""
    if not hasattr(os, "posix_fadvise"):
        return
    with suppress(OSError):  # reading raises it again
        for position in range(offset, offset + count, _WINDOW_BYTES):
            length = min(_WINDOW_BYTES, offset + count - position)
            os.posix_fadvise(descriptor, position, length, os.POSIX_FADV_WILLNEED)


def read_no_further(descriptor: int) -> None:
    """Switch the kernel's read-ahead off for a file; call it before the first read."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)


def let_go(descriptor: int, offset: int, count: int) -> None:
    """Drop the data from the page cache, where no one else uses it."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, offset, count, os.POSIX_FADV_DONTNEED)
