"""Albums made for a test."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from pathlib import Path

from harness.conditions import eventually

from archive_service.archive.listing import CLOCK_TICK_NS
from archive_service.archive.units import NS_PER_S

HASH = "0123456789abcdef0123456789abcdef"
LONG_AGO_S = 1_600_000_000
"""An mtime that is no moment of the test run."""
_CLOCK_LAG_NS = 100_000_000
"""More than the clock that the kernel stamps changes with lags behind."""


def make_album(photos_dir: Path, files: Mapping[str, bytes], name: str = HASH) -> Path:
    """Write an album; a name with a trailing slash is an empty directory."""
    album = photos_dir / name
    album.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        target = album / path
        if path.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        os.utime(target, (LONG_AGO_S, LONG_AGO_S))
    return album


def noise(size: int, seed: int = 0) -> bytes:
    """Return bytes that look random and are the same in every run."""
    return random.Random(f"{seed} {size}").randbytes(size)


def make_sparse(path: Path, size: int) -> Path:
    """Make a file of zeros that takes no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    return path


def newest_change_ns(album: Path) -> int:
    """Return when something of an album, or a file, was changed last."""
    return max(path.stat().st_ctime_ns for path in (album, *album.rglob("*")))


def settle(album: Path) -> Path:
    """Wait until the album's newest change is old enough for CRC-32 values to be remembered."""
    changed_ns = newest_change_ns(album)
    eventually(lambda: time.time_ns() - changed_ns > 2 * CLOCK_TICK_NS)
    return album


def let_date_begin(album: Path) -> Path:
    """Wait until Last-Modified stays as it is: before, it is the second of the answer.

    It is the second that begins after the album's newest change (RFC 9110 section 8.8.2.1).
    """
    begins_s = (newest_change_ns(album) + _CLOCK_LAG_NS) // NS_PER_S + 1
    eventually(lambda: time.time_ns() // NS_PER_S >= begins_s)
    return album
