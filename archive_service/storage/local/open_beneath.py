"""Directories opened beneath another, component by component, none being followed as a link."""

from __future__ import annotations

import os

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
    first, *following = list(filter(None, path.split(b"/"))) or [b"."]
    descriptor = os.open(first, _PASS_DIRECTORY, dir_fd=directory)
    for component in following:
        parent = descriptor
        try:
            descriptor = os.open(component, _PASS_DIRECTORY, dir_fd=parent)
        finally:
            os.close(parent)
    return descriptor
