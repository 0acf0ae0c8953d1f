"""Checks whether file data is in the page cache, and reads it in.

`sendfile` runs on the event loop's thread.  If the data is not in the page cache, the call waits
for the disk, and every other download waits with it.  So a cold piece is read in a worker thread
first.

Two checks are made:

- cachestat (Linux 6.5) counts the pages.  A system short of memory drops single pages, which a
  sample would miss.
- A sample of bytes is read without waiting, because cachestat also counts pages that are not filled
  yet.  It shows how far read-ahead has come.  Without cachestat the sample is larger.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_CACHESTAT = 451
"""The number of the system call on every machine but Alpha."""
_FAR_WINDOW = 1024 * 1024
_NEAR_WINDOW = 128 * 1024
"""The kernel's usual read-ahead.  The sample has the last byte of each window."""
_READ_SIZE = 256 * 1024
_PAGE = os.sysconf("SC_PAGESIZE")


_Range = ctypes.c_uint64 * 2
"""`struct cachestat_range` of linux/mman.h: offset and length."""
_Counts = ctypes.c_uint64 * 5
"""`struct cachestat`: pages that are cached, dirty, written back, evicted, recently evicted."""
_CACHED = 0
_WITHOUT_WAITING = getattr(os, "RWF_NOWAIT", 0)


def _system_call() -> Callable[..., int] | None:
    if sys.platform != "linux" or os.uname().machine == "alpha":
        return None
    with suppress(OSError, AttributeError):
        # It never waits, so it keeps the interpreter's lock.
        call = ctypes.PyDLL(None).syscall
        call.argtypes = (
            ctypes.c_long,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_uint,
        )
        return call
    return None


_SYSTEM_CALL = _system_call()


def is_cached(descriptor: int, offset: int, count: int) -> bool:
    """Return whether the data is probably in memory.

    If the system does not say, the answer is no.  It never waits on prompt file systems; see
    `filesystem_type`.
    """
    return _are_in_memory(descriptor, offset, count) is True


def is_cold(descriptor: int, offset: int, count: int) -> bool:
    """Return whether some of the data is certainly not in memory; see `is_cached`."""
    return _are_in_memory(descriptor, offset, count) is False


def _are_in_memory(descriptor: int, offset: int, count: int) -> bool | None:
    counted = _has_all_pages(descriptor, offset, count)
    if counted is False:
        return False
    window = _NEAR_WINDOW if counted is None else _FAR_WINDOW
    sampled = _has_samples(descriptor, offset, count, window=window)
    return counted if sampled is None else sampled


def _has_all_pages(descriptor: int, offset: int, count: int) -> bool | None:
    """Return whether all of the data has pages; None if the kernel does not say.

    Since Linux 6.14 it answers only for files that the user owns or may write.
    """
    if _SYSTEM_CALL is None:
        return None
    asked, found = _Range(offset, count), _Counts()
    if _SYSTEM_CALL(_CACHESTAT, descriptor, asked, found, 0):
        return None
    if found[_CACHED] >= _pages(offset, count):
        return True
    # It may have shrunk.
    count = min(count, os.fstat(descriptor).st_size - offset)
    return count <= 0 or found[_CACHED] >= _pages(offset, count)


def _pages(offset: int, count: int) -> int:
    return (offset + count - 1) // _PAGE - offset // _PAGE + 1


def _has_samples(descriptor: int, offset: int, count: int, *, window: int) -> bool | None:
    """Return whether a byte of each window can be read without waiting; None if unknown.

    RWF_NOWAIT is Linux's, and not of all its file systems.
    """
    if not _WITHOUT_WAITING:
        return None
    byte = bytearray(1)
    last = offset + count - 1
    try:
        for position in (*range(offset + window - 1, last, window), last):
            os.preadv(descriptor, (byte,), position, _WITHOUT_WAITING)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def read_in(descriptor: int, offset: int, count: int) -> None:
    """Read the data so that it is in memory; waits for the disk.  Raise OSError."""
    position, stop = _read_to_nowhere(descriptor, offset, count), offset + count
    if position == stop:
        return
    buffer = memoryview(bytearray(_READ_SIZE))
    # A read error makes this read short; the next call raises it.
    while position < stop:
        read = os.preadv(descriptor, (buffer[: stop - position],), position)
        if not read:
            return
        position += read


def _read_to_nowhere(descriptor: int, offset: int, count: int) -> int:
    """Read the data without copying it, as far as the system can; return where that ended."""
    position, stop = offset, offset + count
    with suppress(OSError), Path(os.devnull).open("wb", buffering=0) as nowhere:
        while position < stop:
            read = os.sendfile(nowhere.fileno(), descriptor, position, stop - position)
            if not read:
                break
            position += read
    return position
