"""Rows of a CRC index as columns: one part holds what was learned at one time.

A row of the database for each file takes seven times as long to write.  A part carries a check of
itself, since SQLite does not notice a byte that a disk has flipped, and a wrong CRC-32 would spoil
an archive.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from archive_service.crcindex.base import Row
from archive_service.listing import VERSION_SIZE

_BETWEEN_PATHS = b"\0"  # which no path has
_CHECK_SIZE = 8


class Part(NamedTuple):
    """Columns, each the bytes of all its values."""

    paths: bytes
    versions: bytes
    crc32s: bytes
    check: bytes


def part_of(rows: Sequence[Row]) -> Part:
    """Put rows together, of which there is at least one."""
    paths, versions, crc32s = zip(*rows, strict=True)
    columns = (
        _BETWEEN_PATHS.join(paths),
        b"".join(versions),
        struct.pack(f"<{len(crc32s)}L", *crc32s),
    )
    return Part(*columns, _check(*columns))


def rows_of(part: Part) -> Iterator[Row]:
    """Take a part apart; raise ValueError or TypeError where it is not what was stored."""
    paths, versions, crc32s, check = part
    if check != _check(paths, versions, crc32s):
        raise ValueError("spoilt")
    return zip(
        paths.split(_BETWEEN_PATHS),
        (versions[at : at + VERSION_SIZE] for at in range(0, len(versions), VERSION_SIZE)),
        (crc32 for (crc32,) in struct.iter_unpack("<L", crc32s)),
        strict=False,  # the check has told that they are of one length
    )


def _check(paths: bytes, versions: bytes, crc32s: bytes) -> bytes:
    digest = blake2b(struct.pack("<QQ", len(paths), len(versions)), digest_size=_CHECK_SIZE)
    for column in (paths, versions, crc32s):
        digest.update(column)
    return digest.digest()
