"""Files put out of memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def evict(path: Path) -> None:
    """Drop a file's data from the page cache; skip the test where the system can't."""
    if not hasattr(os, "RWF_NOWAIT"):
        pytest.skip("the system can't tell what is in memory")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        # Not at the beginning: even asking there makes the system read ahead.
        asked = os.fstat(descriptor).st_size * 3 // 4
        os.preadv(descriptor, (bytearray(1),), asked, os.RWF_NOWAIT)
    except BlockingIOError:
        return
    except OSError:
        pytest.skip("the file system can't tell what is in memory")
    finally:
        os.close(descriptor)
    pytest.skip("the file system lives in memory")


def read_from_disk(path: Path) -> None:
    """Have the disk read a file that `evict` could drop from memory."""
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.readall()
