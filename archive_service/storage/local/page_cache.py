"""Whether file data is in memory, and how to get it there.

`sendfile` runs on the event loop's thread.  Where the data is not in the page cache the call waits
for the disk, and with it every other download; so a cold piece is read in a worker thread first.

Two things are asked.  The number of pages there are, where the kernel tells it (Linux 6.5,
cachestat): a system short of memory drops pages here and there, which no sample finds.  And a
sample of bytes, for a page that is yet to be filled counts like any other: it tells how far
read-ahead has come, and has to be a larger one where it alone tells a cold file.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress

_CACHESTAT = 451
"""The number of the system call on every machine but Alpha."""
_FAR_WINDOW = 1024 * 1024
_NEAR_WINDOW = 128 * 1024
"""The kernel's usual read-ahead.  The last byte is asked for of each window, and it does not take
more than a window of one advice."""
_READ_SIZE = 256 * 1024
_PAGE = os.sysconf("SC_PAGESIZE")


class _Range(ctypes.Structure):
    """`struct cachestat_range` of linux/mman.h."""

    _fields_ = (("offset", ctypes.c_uint64), ("length", ctypes.c_uint64))


class _Counts(ctypes.Structure):
    """`struct cachestat` of linux/mman.h."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in ("cached", "dirty", "writeback", "evicted", "recently_evicted")
    )


def _system_call() -> Callable[..., int] | None:
    if sys.platform != "linux" or os.uname().machine == "alpha":
        return None
    with suppress(OSError, AttributeError):
        # It waits for nothing, so the interpreter's lock is kept.
        return ctypes.PyDLL(None).syscall
    return None


_SYSTEM_CALL = _system_call()


def is_cached(descriptor: int, offset: int, count: int) -> bool:
    """Tell whether the data can be expected to be in memory.

    Where nothing tells, the answer is no.  It never waits where the file system is prompt; see
    `filesystem_type`.
    """
    return _are_in_memory(descriptor, offset, count) is True


def is_cold(descriptor: int, offset: int, count: int) -> bool:
    """Tell whether some of the data is known not to be in memory; as `is_cached`."""
    return _are_in_memory(descriptor, offset, count) is False


def _are_in_memory(descriptor: int, offset: int, count: int) -> bool | None:
    counted = _has_all_pages(descriptor, offset, count)
    if counted is False:
        return False
    window = _NEAR_WINDOW if counted is None else _FAR_WINDOW
    sampled = _has_samples(descriptor, offset, count, window=window)
    return counted if sampled is None else sampled


def _has_all_pages(descriptor: int, offset: int, count: int) -> bool | None:
    """Tell whether there is a page for all of the data; None where the kernel does not tell.

    Since Linux 6.14 it tells only of files that the user owns or may write.
    """
    if _SYSTEM_CALL is None:
        return None
    asked, found = _Range(offset, count), _Counts()
    arguments = (ctypes.c_uint(descriptor), ctypes.byref(asked), ctypes.byref(found))
    if _SYSTEM_CALL(ctypes.c_long(_CACHESTAT), *arguments, ctypes.c_uint(0)):
        return None
    if found.cached >= _pages(offset, count):
        return True
    # It may have shrunk.
    count = min(count, os.fstat(descriptor).st_size - offset)
    return count <= 0 or found.cached >= _pages(offset, count)


def _pages(offset: int, count: int) -> int:
    return (offset + count - 1) // _PAGE - offset // _PAGE + 1


def _has_samples(descriptor: int, offset: int, count: int, *, window: int) -> bool | None:
    """Tell whether a byte of each window can be read without waiting; None where nothing tells.

    RWF_NOWAIT is Linux's, and not of all its file systems.
    """
    flags = getattr(os, "RWF_NOWAIT", 0)
    if not flags:
        return None
    byte = bytearray(1)
    last = offset + count - 1
    try:
        for position in (*range(offset + window - 1, last, window), last):
            os.preadv(descriptor, (byte,), position, flags)
    except BlockingIOError:
        return False
    except OSError:
        return None
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


def read_ahead(descriptor: int, offset: int, count: int) -> None:
    """Have the kernel begin to read the data, where it can; wait at most for room for requests."""
    if not hasattr(os, "posix_fadvise"):
        return
    with suppress(OSError):  # reading tells
        for position in range(offset, offset + count, _NEAR_WINDOW):
            length = min(_NEAR_WINDOW, offset + count - position)
            os.posix_fadvise(descriptor, position, length, os.POSIX_FADV_WILLNEED)


def read_no_further(descriptor: int) -> None:
    """Have the kernel read no more than it is asked for; call it before anything is read."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)


def let_go(descriptor: int, offset: int, count: int) -> None:
    """Let memory go in which the data has been read; it is worth nothing to anybody else."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, offset, count, os.POSIX_FADV_DONTNEED)
