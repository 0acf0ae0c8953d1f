"""Directories opened beneath another, component by component, none being followed as a link."""

from __future__ import annotations

import os
from collections.abc import Sequence

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Flags to open a file that others may have replaced by a link, a FIFO or a terminal."""
# Passing through a directory needs no right to list it.
_PASS_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Opened:
    """Closes a descriptor at the end of a block.

    A generator would take three times as long, several times in each request.
    """

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_raised: object) -> None:
        os.close(self._descriptor)


def opened_to_list(directory: int, path: bytes) -> int:
    """Open a directory by its path beneath another, and return its descriptor; raise OSError."""
    passed = opened_to_pass(directory, path)
    try:
        return os.open(".", OPEN_DIRECTORY, dir_fd=passed)
    finally:
        os.close(passed)


def opened_to_pass(directory: int, path: bytes) -> int:
    """Open a directory like `opened_to_list`, only to open in it what has a known name."""
    first, *following = _components(path)
    return _descended(os.open(first, _PASS_DIRECTORY, dir_fd=directory), following)


def opened_below_root(root: bytes, path: bytes) -> int:
    """Open a directory by its path below a root, which may be a link; see `opened_to_pass`.

    The root is opened together with the first component, which is not followed.
    """
    first, *following = _components(path)
    return _descended(os.open(root + b"/" + first, _PASS_DIRECTORY), following)


def _components(path: bytes) -> list[bytes]:
    return list(filter(None, path.split(b"/"))) or [b"."]


def _descended(descriptor: int, components: Sequence[bytes]) -> int:
    """Open one directory in the other, from an open one on, which is closed."""
    for component in components:
        parent = descriptor
        try:
            descriptor = os.open(component, _PASS_DIRECTORY, dir_fd=parent)
        finally:
            os.close(parent)
    return descriptor
