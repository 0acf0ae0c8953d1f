"""Whether file data is in memory, and how to get it there.

`sendfile` runs on the event loop's thread.  Where the data is not in the page cache the call waits
for the disk, and with it every other download; so a cold piece is read in a worker thread first.
"""

from __future__ import annotations

import os

_PROBE_STRIDE = 128 * 1024
"""One byte is asked for in each window of the kernel's usual read-ahead."""
_READ_SIZE = 256 * 1024


def is_cached(descriptor: int, offset: int, count: int) -> bool:
    """Tell whether the data can be expected to be in memory, from a sample; never waits.

    Where the system can't tell (RWF_NOWAIT is Linux's), the answer is yes.
    """
    flags = getattr(os, "RWF_NOWAIT", 0)
    if not flags:
        return True
    byte = bytearray(1)
    last = offset + count - 1
    try:
        for position in (*range(offset, last, _PROBE_STRIDE), last):
            os.preadv(descriptor, (byte,), position, flags)
    except BlockingIOError:
        return False
    except OSError:  # a file system without RWF_NOWAIT
        return True
    return True


def read_in(descriptor: int, offset: int, count: int) -> None:
    """Read the data so that it is in memory; waits for the disk.  Raise OSError."""
    buffer = bytearray(_READ_SIZE)
    for position in range(offset, offset + count, _READ_SIZE):
        if not os.preadv(descriptor, (buffer,), position):
            return
