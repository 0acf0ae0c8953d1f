"""Rows of a CRC index as columns: one part holds what was learned at one time.

A row of the database for each file takes seven times as long to write.  A part carries a check of
itself, since SQLite does not notice a byte that a disk has flipped, and a wrong CRC-32 would spoil
an archive.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from hashlib import blake2b
from typing import NamedTuple

from archive_service.archive.listing import VERSION_SIZE
from archive_service.checksums.crc_index.base import Row

MAX_BLOCKS = 64
"""From here on the parts of an album become one: whoever downloads it piece by piece, or changes
files again and again, makes a part each time."""
_BETWEEN_PATHS = b"\0"  # which no path has
_CHECK_SIZE = 8
_LENGTHS = struct.Struct("<QQ")  # of paths and versions


class RowBlock(NamedTuple):
    """Columns, each the bytes of all its values."""

    paths: bytes
    versions: bytes
    crc32s: bytes
    check: bytes


def block_of(rows: Sequence[Row]) -> RowBlock:
    """Put rows together, of which there is at least one."""
    paths, versions, crc32s = zip(*rows, strict=True)
    columns = (
        _BETWEEN_PATHS.join(paths),
        b"".join(versions),
        struct.pack(f"<{len(crc32s)}L", *crc32s),
    )
    return RowBlock(*columns, _check(*columns))


def rows_of(part: RowBlock) -> Iterator[Row]:
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


def known_of(parts: Iterable[RowBlock]) -> dict[bytes, tuple[bytes, int]]:
    """Return version and CRC-32 by path; later parts replace rows of earlier ones.

    A part that is spoilt is as good as none: its files are hashed again.
    """
    known: dict[bytes, tuple[bytes, int]] = {}
    for part in parts:
        with suppress(TypeError, ValueError):
            known.update((path, (version, crc32)) for path, version, crc32 in rows_of(part))
    return known


def blocks_of(known: Mapping[bytes, tuple[bytes, int]]) -> list[RowBlock]:
    """Put what `known_of` returns into one part; none where there is nothing."""
    return [block_of([(path, *known[path]) for path in sorted(known)])] if known else []


def merged(parts: Sequence[RowBlock]) -> list[RowBlock]:
    """Make one part of many."""
    return blocks_of(known_of(parts))


def without(parts: Sequence[RowBlock], paths: AbstractSet[bytes]) -> list[RowBlock] | None:
    """Make one part of many, but for the rows of some paths; None where there are no such rows."""
    known = known_of(parts)
    if paths.isdisjoint(known):
        return None
    return blocks_of({path: known[path] for path in known.keys() - paths})


def packed(part: RowBlock) -> bytes:
    """Return a part as one string, for stores without columns."""
    return b"".join((_LENGTHS.pack(len(part.paths), len(part.versions)), part.check, *part[:3]))


def unpacked(data: bytes) -> RowBlock:
    """Return the part of a string; one that is spoilt, where that is none of a part."""
    start = _LENGTHS.size + _CHECK_SIZE
    if len(data) < start:
        return RowBlock(b"", b"", b"", b"")
    paths_length, versions_length = _LENGTHS.unpack_from(data)
    versions_at = start + paths_length
    crc32s_at = versions_at + versions_length
    return RowBlock(
        paths=data[start:versions_at],
        versions=data[versions_at:crc32s_at],
        crc32s=data[crc32s_at:],
        check=data[_LENGTHS.size : start],
    )


def _check(paths: bytes, versions: bytes, crc32s: bytes) -> bytes:
    digest = blake2b(_LENGTHS.pack(len(paths), len(versions)), digest_size=_CHECK_SIZE)
    for column in (paths, versions, crc32s):
        digest.update(column)
    return digest.digest()
