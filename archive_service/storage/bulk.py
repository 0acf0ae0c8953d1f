"""What is done to many files of one directory at once, as far as that was compiled.

The compiled functions stop at the first file that has anything out of the ordinary, and leave it
and what follows to their callers.  So it is no error that they do nothing where they are missing.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import NamedTuple

Columns = tuple["array[int]", "array[int]", bytes]
"""Sizes, mtimes and change tokens of a listing."""


class Bulk(NamedTuple):
    """The two functions, see `_smallfiles.c`."""

    stat_files: Callable[[int, list[bytes]], bytes]
    read_files: Callable[[int, bytes, Sequence[bytes], array[int], Columns], list[bytes]]


def _stat_none(_directory: int, _names: list[bytes]) -> bytes:
    return b""


def _read_none(
    _directory: int,
    _prefix: bytes,
    _paths: Sequence[bytes],
    _sources: array[int],
    _columns: Columns,
) -> list[bytes]:
    return []


NOTHING_COMPILED = Bulk(_stat_none, _read_none)
try:
    from archive_service.storage import _smallfiles
except ImportError:
    AS_COMPILED = NOTHING_COMPILED
else:
    AS_COMPILED = Bulk(_smallfiles.stat_files, _smallfiles.read_files)
