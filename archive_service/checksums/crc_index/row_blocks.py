"""Rows of a CRC index in blocks of columns: one block holds the rows stored at one time.

One database row for each file would take seven times as long to write.  A block has a checksum of
its own, because SQLite does not notice a byte flipped by a disk, and a wrong CRC-32 would spoil an
archive.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from hashlib import blake2b
from typing import NamedTuple

from archive_service.archive.listing import column_bytes, each_version
from archive_service.archive.long_columns import as_array, joined, split
from archive_service.checksums.crc_index.base import Row, Rows

MAX_BLOCKS = 64
"""With more blocks an album's blocks are merged into one.

Each partial download of an unknown album, and each change of its files, adds a block."""
_BETWEEN_PATHS = b"\0"  # which no path has
_CHECK_SIZE = 8
_LENGTHS = struct.Struct("<QQ")  # of paths and versions


class RowBlock(NamedTuple):
    """Columns, each the bytes of all its values."""

    paths: bytes
    versions: bytes
    crc32s: bytes
    check: bytes


def block_of(rows: Rows) -> RowBlock:
    """Return a block of rows, at least one."""
    columns = (
        b"".join(joined(_BETWEEN_PATHS, rows.paths)),
        rows.versions,
        column_bytes(as_array("I", rows.crc32s)),
    )
    return RowBlock(*columns, _check(*columns))


def rows_of(block: RowBlock) -> Iterator[Row]:
    """Yield the rows of a block; raise ValueError or TypeError if it is corrupt."""
    paths, versions, crc32s, check = block
    if check != _check(paths, versions, crc32s):
        raise ValueError("corrupt")
    return zip(
        split(_BETWEEN_PATHS, paths),
        each_version(versions),
        (crc32 for (crc32,) in struct.iter_unpack("<L", crc32s)),
        strict=False,  # the check implies that they have one length
    )


def rows_by_path(blocks: Iterable[RowBlock]) -> dict[bytes, tuple[bytes, int]]:
    """Return version and CRC-32 by path; later blocks replace rows of earlier ones.

    A corrupt block is ignored: its files are hashed again.
    """
    known: dict[bytes, tuple[bytes, int]] = {}
    for block in blocks:
        with suppress(TypeError, ValueError):
            known.update((path, (version, crc32)) for path, version, crc32 in rows_of(block))
    return known


def blocks_of(known: Mapping[bytes, tuple[bytes, int]]) -> list[RowBlock]:
    """Return what `rows_by_path` returned as one block; no block for no rows."""
    return [block_of(Rows.of([(path, *known[path]) for path in sorted(known)]))] if known else []


def merged(blocks: Sequence[RowBlock]) -> list[RowBlock]:
    """Merge blocks into one."""
    return blocks_of(rows_by_path(blocks))


def without_paths(blocks: Sequence[RowBlock], paths: AbstractSet[bytes]) -> list[RowBlock] | None:
    """Merge blocks, without the rows of some paths; return None if there are no such rows."""
    known = rows_by_path(blocks)
    if paths.isdisjoint(known):
        return None
    return blocks_of({path: known[path] for path in known.keys() - paths})


def encoded(block: RowBlock) -> bytes:
    """Return a block as bytes, for stores without columns."""
    return b"".join((_LENGTHS.pack(len(block.paths), len(block.versions)), block.check, *block[:3]))


def decoded(data: bytes) -> RowBlock:
    """Return the block in bytes of `encoded`; a corrupt block for any other bytes."""
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
