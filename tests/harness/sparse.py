"""Files of gigabytes that take no room: a few bytes at both ends, and a hole between."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from zlib_ng import zlib_ng

HEAD, TAIL = b"head", b"tail"
BLOCK = bytes(1 << 24)
_ROOM_BYTES = 1 << 20


def make_sparse(path: Path, size: int) -> None:
    """Make a file of `size` bytes; skip the test where it takes them on the disk."""
    with open(path, "xb") as file:
        file.write(HEAD)
        file.truncate(size)
        file.seek(-len(TAIL), os.SEEK_END)
        file.write(TAIL)
    if path.stat().st_blocks * 512 > _ROOM_BYTES:
        path.unlink()
        pytest.skip("this file system has no sparse files")


def blocks_of(size: int) -> Iterator[bytes]:
    """Yield the content of such a file."""
    yield HEAD
    zeros = size - len(HEAD) - len(TAIL)
    while zeros > 0:
        count = min(zeros, len(BLOCK))
        yield BLOCK[:count] if count < len(BLOCK) else BLOCK
        zeros -= count
    yield TAIL


def sha256_of_sparse(size: int) -> str:
    digest = hashlib.sha256()
    for block in blocks_of(size):
        digest.update(block)
    return digest.hexdigest()


def crc32_of_sparse(size: int) -> int:
    """Return the CRC-32 of such a file, without going through its zeros."""
    zeros = size - len(HEAD) - len(TAIL)
    crc32 = zlib_ng.crc32_combine(zlib_ng.crc32(HEAD), _crc32_of_zeros(zeros), zeros)
    return zlib_ng.crc32_combine(crc32, zlib_ng.crc32(TAIL), len(TAIL))


@cache
def _crc32_of_zeros(count: int) -> int:
    if count <= len(BLOCK):
        return zlib_ng.crc32(BLOCK[:count])
    half = count // 2
    left, right = _crc32_of_zeros(count - half), _crc32_of_zeros(half)
    return zlib_ng.crc32_combine(left, right, half)
