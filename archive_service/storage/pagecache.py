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

_PROBE_STRIDE, _PROBE_STRIDE_OF_COUNTED = 128 * 1024, 1024 * 1024
"""The last byte is asked for of each window of the kernel's usual read-ahead, or else of more."""
_READ_SIZE = 256 * 1024
_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
_CACHESTAT = 451  # the number of the system call, on all of Linux but Alpha
_system_call = ctypes.CDLL(None).syscall if sys.platform == "linux" else None


class _Range(ctypes.Structure):  # struct cachestat_range
    _fields_ = (("offset", ctypes.c_uint64), ("length", ctypes.c_uint64))


class _Pages(ctypes.Structure):  # struct cachestat
    _fields_ = (
        ("cached", ctypes.c_uint64),
        ("dirty", ctypes.c_uint64),
        ("writeback", ctypes.c_uint64),
        ("evicted", ctypes.c_uint64),
        ("recently_evicted", ctypes.c_uint64),
    )


def is_cached(descriptor: int, offset: int, count: int) -> bool:
    """Tell whether the data can be expected to be in memory; never waits.

    Where nothing tells (RWF_NOWAIT is Linux's, and not of all its file systems), the answer is yes.
    """
    flags = getattr(os, "RWF_NOWAIT", 0)
    if not flags:
        return True
    has_all = _has_all_pages(descriptor, offset, count)
    if has_all is False:
        return False
    byte = bytearray(1)
    last = offset + count - 1
    stride = _PROBE_STRIDE_OF_COUNTED if has_all else _PROBE_STRIDE
    try:
        for position in (*range(offset + stride - 1, last, stride), last):
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


def _has_all_pages(descriptor: int, offset: int, count: int) -> bool | None:
    """Tell whether there is a page for all of the data; None where the system does not."""
    if _system_call is None:
        return None
    asked, found = _Range(offset, count), _Pages()
    if _system_call(_CACHESTAT, descriptor, ctypes.byref(asked), ctypes.byref(found), 0):
        return None  # an older kernel, or another's file
    if found.cached >= _pages(offset, count):
        return True
    try:
        left = os.fstat(descriptor).st_size - offset  # it may have shrunk
    except OSError:
        return False  # to be told by whoever reads
    return int(found.cached) >= _pages(offset, min(count, left))


def _pages(offset: int, count: int) -> int:
    return (offset + count - 1) // _PAGE_SIZE - offset // _PAGE_SIZE + 1
