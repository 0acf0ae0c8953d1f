"""Calls that handle many files at once, if the compiled part is there.

All functions stop at the first unusual file, and leave it and the rest to their callers.  So
without the compiled part they may do nothing.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from archive_service.storage.local.stat_record import row

Columns = tuple["array[int]", "array[int]", bytes]
"""Sizes, mtimes and change tokens of a listing."""


ReadFiles = Callable[
    [bytes, bytes, Sequence[bytes], "array[int]", Columns, memoryview, "array[int]"], int
]


class NativeCalls(NamedTuple):
    """The functions, see `_smallfiles.c`."""

    stat_files: Callable[[int, list[bytes]], bytes]
    read_files: ReadFiles
    read_cached_files: ReadFiles
    unwritten_files: Callable[[bytes, bytes, Sequence[bytes], array[int], Columns, int], int]


def _stat_files(directory: int, names: list[bytes]) -> bytes:
    rows: list[bytes] = []
    with suppress(OSError):
        for name in names:
            rows.append(row(os.stat(name, dir_fd=directory, follow_symlinks=False)))
    return b"".join(rows)


NOTHING_COMPILED = NativeCalls(_stat_files, lambda *_: 0, lambda *_: 0, lambda *_: 0)
try:
    from archive_service.storage.local import _smallfiles

    AS_COMPILED = NativeCalls(
        _smallfiles.stat_files,
        _smallfiles.read_files,
        _smallfiles.read_cached_files,
        _smallfiles.unwritten_files,
    )
except (ImportError, AttributeError):  # it is missing, or of an older checkout
    AS_COMPILED = NOTHING_COMPILED
