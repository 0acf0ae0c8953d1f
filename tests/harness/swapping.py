"""Two names that change places all the time, each there at every moment (Linux)."""

from __future__ import annotations

import ctypes
import errno
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_CANNOT = (errno.ENOSYS, errno.EINVAL)
_MOST_AT_A_TIME, _LONGEST_REST_S = 200, 0.002
"""A hundred downloads give away who checks first; of longer spells it took thousands."""


def exchange(one: Path, other: Path) -> None:
    """Let two names change places in one step; skip the test where the system can't."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        pytest.skip("this system's library has no renameat2")
    names = os.fsencode(one), os.fsencode(other)
    if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        if number in _CANNOT:
            pytest.skip("this file system can't exchange names")
        raise OSError(number, os.strerror(number))


@contextmanager
def swapping(one: Path, other: Path) -> Iterator[None]:
    """Exchange two names until the block ends, in a process of its own.

    As often as it can, for moments shorter than a download; between them they rest, so that what
    is listed and opened is often there.
    """
    exchange(one, other)
    exchange(one, other)
    process = subprocess.Popen([sys.executable, __file__, one, other])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _swap_for_ever(one: bytes, other: bytes) -> None:
    renameat2 = ctypes.CDLL(None).renameat2
    while True:
        for _ in range(random.randint(1, _MOST_AT_A_TIME)):
            if renameat2(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE):
                return
        time.sleep(random.random() * _LONGEST_REST_S)


if __name__ == "__main__":
    _swap_for_ever(*map(os.fsencode, sys.argv[1:3]))
