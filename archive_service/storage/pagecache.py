"""Whether file data is in memory, and how to get it there.

`sendfile` runs on the event loop's thread.  Where the data is not in the page cache the call waits
for the disk, and with it every other download; so a cold piece is read in a worker thread first.

A sample tells a cold file from a warm one.  It does not tell where the kernel's read-ahead has come
to: pages arrive in no strict order, and a sample may find all of its own while others are on their
way.  So once a piece was cold, those that follow are read as a whole.
"""

from __future__ import annotations

import os

_PROBE_STRIDE = 128 * 1024
"""One byte is asked for in each window of the kernel's usual read-ahead."""
_READ_SIZE = 256 * 1024
_NO_WAIT = getattr(os, "RWF_NOWAIT", 0)


def is_cached(descriptor: int, offset: int, count: int) -> bool:
    """Tell whether the data can be expected to be in memory, from a sample; never waits.

    Where the system can't tell (RWF_NOWAIT is Linux's), the answer is yes.
    """
    if not _NO_WAIT:
        return True
    byte = bytearray(1)
    last = offset + count - 1
    try:
        for position in (*range(offset, last, _PROBE_STRIDE), last):
            os.preadv(descriptor, (byte,), position, _NO_WAIT)
    except BlockingIOError:
        return False
    except OSError:  # a file system without RWF_NOWAIT
        return True
    return True


def read_in(descriptor: int, offset: int, count: int) -> bool:
    """Read the data so that it is in memory; tell whether all of it was there before.

    Waits for the disk.  Raise OSError.
    """
    buffer = memoryview(bytearray(_READ_SIZE))
    was_there = True
    for position in range(offset, offset + count, _READ_SIZE):
        part = buffer[: offset + count - position]
        try:
            found = os.preadv(descriptor, (part,), position, _NO_WAIT)
        except OSError:  # also a file system without RWF_NOWAIT
            found = 0
        if found < len(part):
            was_there = False
            if not os.preadv(descriptor, (part,), position):
                break
    return was_there
