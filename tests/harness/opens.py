"""Which children of a directory are opened, by whomever (Linux: inotify)."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_IN_OPEN = 0x20
_EVENT = struct.Struct("iIII")
_READ_BYTES = 1 << 20


@contextmanager
def opens_noted(directory: Path) -> Iterator[list[str]]:
    """Note the names of the children that are opened in the block; complete when it has ended."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "inotify_init1"):
        pytest.skip("this system has no inotify")
    names: list[str] = []
    descriptor = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert descriptor >= 0
    try:
        assert library.inotify_add_watch(descriptor, os.fsencode(directory), _IN_OPEN) >= 0
        yield names
        names += _names(descriptor)
    finally:
        os.close(descriptor)


def _names(descriptor: int) -> Iterator[str]:
    try:
        while events := os.read(descriptor, _READ_BYTES):
            position = 0
            while position < len(events):
                *_, length = _EVENT.unpack_from(events, position)
                position += _EVENT.size + length
                yield os.fsdecode(events[position - length : position].rstrip(b"\0"))
    except BlockingIOError:
        return
