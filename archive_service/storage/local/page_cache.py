"""Whether file data is in memory, and how to get it there.

`sendfile` runs on the event loop's thread.  Where the data is not in the page cache the call waits
for the disk, and with it every other download; so a cold piece is read in a worker thread first.

Two things are asked.  The number of pages there are, where the kernel tells it (Linux 6.5,
cachestat) and the optional part was compiled: a system short of memory drops pages here and there,
which no sample finds.  And a sample of bytes, for a page that is yet to be filled counts like any
other: it tells how far read-ahead has come, and has to be a larger one where it alone tells a cold
file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

_compiled: Callable[[int, int, int], bool] | None = None
with suppress(ImportError):  # nothing is compiled, or not for a system that tells
    from archive_service.storage.local._smallfiles import is_cached as _compiled

_PROBE_STRIDE = 128 * 1024
"""The last byte is asked for of each window of the kernel's usual read-ahead."""
_READ_SIZE = 256 * 1024


def is_cached(descriptor: int, offset: int, count: int) -> bool:
    """Tell whether the data can be expected to be in memory; never waits.

    Where nothing tells (RWF_NOWAIT is Linux's, and not of all its file systems), the answer is yes.
    """
    tell = _compiled or _has_samples
    return tell(descriptor, offset, count)


def _has_samples(descriptor: int, offset: int, count: int) -> bool:
    flags = getattr(os, "RWF_NOWAIT", 0)
    if not flags:
        return True
    byte = bytearray(1)
    last = offset + count - 1
    try:
        for position in (*range(offset + _PROBE_STRIDE - 1, last, _PROBE_STRIDE), last):
            os.preadv(descriptor, (byte,), position, flags)
    except BlockingIOError:
        return False
    except OSError:  # a file system without RWF_NOWAIT: those of FUSE, some on the network
        pass
    return True


def read_in(descriptor: int, offset: int, count: int) -> None:
    """Read the data so that it is in memory; waits for the disk.  Raise OSError."""
    buffer = memoryview(bytearray(_READ_SIZE))
    position, stop = offset, offset + count
    # Before what can't be read it reads short; only the next call tells.
    while position < stop:
        read = os.preadv(descriptor, (buffer[: stop - position],), position)
        if not read:
            return
        position += read


def read_no_further(descriptor: int) -> None:
    """Have the kernel read no more than it is asked for; call it before anything is read."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)


def let_go(descriptor: int, offset: int, count: int) -> None:
    """Let memory go in which the data has been read; it is worth nothing to anybody else."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, offset, count, os.POSIX_FADV_DONTNEED)
