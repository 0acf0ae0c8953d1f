"""The loop that hashes: it can be left after each block, and does not read holes."""

from __future__ import annotations

import os
import zlib
from itertools import repeat
from pathlib import Path

import pytest
from harness.albums import noise

from archive_service.archive.errors import SourceChanged
from archive_service.checksums.hash_blocks import (
    BLOCK_BYTES,
    HashedBlock,
    begin_hash,
    crc32_of_zeros,
    hash_around_holes,
    hash_blocks,
)
from archive_service.storage.base import DiskFile

MIB = 1024 * 1024


def opened(path: Path) -> DiskFile:
    return DiskFile(os.open(path, os.O_RDONLY))


def hashed(path: Path, size: int, *, trusted_age_ns: int) -> list[HashedBlock]:
    with opened(path) as file:
        blocks = hash_around_holes(file, begin_hash(), size=size, trusted_age_ns=trusted_age_ns)
        return [HashedBlock(memoryview(bytes(data)), state) for data, state in blocks]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000, 65_536, 1_000_003])
def test_crc_of_zeros(count: int) -> None:
    assert crc32_of_zeros(count) == zlib.crc32(bytes(count))


def test_a_hash_goes_on_from_any_state(tmp_path: Path) -> None:
    data = noise(3 * BLOCK_BYTES + 7)
    (tmp_path / "a").write_bytes(data)
    buffers = repeat(memoryview(bytearray(BLOCK_BYTES)))
    with opened(tmp_path / "a") as file:
        blocks = hash_blocks(file, begin_hash(), size=len(data), buffers=buffers)
        states = [state for _, state in blocks]
    assert states[-1][:2] == (len(data), zlib.crc32(data))
    for state in states:
        with opened(tmp_path / "a") as file:
            rest = [each.state for each in hash_around_holes(file, state, size=len(data))]
        assert (rest or [state])[-1] == states[-1]


def sparse(path: Path) -> bytes:
    """Make a file with holes at its start, in its middle and at its end; return its bytes."""
    size, data = 64 * MIB, {8 * MIB: noise(MIB), 40 * MIB + 5: noise(3 * MIB, 1)}
    whole = bytearray(size)
    with path.open("wb") as file:
        file.truncate(size)
        for offset, part in data.items():
            file.seek(offset)
            file.write(part)
            whole[offset : offset + len(part)] = part
    os.sync()
    return bytes(whole)


def has_holes(path: Path) -> bool:
    return path.stat().st_blocks * 512 < path.stat().st_size


@pytest.mark.parametrize("trusted_age_ns", [0, 10**18])
def test_holes_make_no_difference(tmp_path: Path, trusted_age_ns: int) -> None:
    whole = sparse(tmp_path / "a")
    blocks = hashed(tmp_path / "a", len(whole), trusted_age_ns=trusted_age_ns)
    assert blocks[-1].state[:2] == (len(whole), zlib.crc32(whole))


def test_holes_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    whole = sparse(path)
    if not has_holes(path):
        pytest.skip("a file system without holes")
    read = sum(len(block.data) for block in hashed(path, len(whole), trusted_age_ns=0))
    assert read < len(whole) // 2


def test_eight_tebibytes_of_hole_take_one_step(tmp_path: Path) -> None:
    path, size = tmp_path / "a", 8 * 1024**4
    with path.open("wb") as file:
        try:
            file.truncate(size)
        except OSError:
            pytest.skip("a file system for smaller files")
    (block,) = hashed(path, size, trusted_age_ns=0)
    assert block.state[:2] == (size, crc32_of_zeros(size))


def test_what_has_just_changed_is_read_for_a_hole_may_be_data_on_its_way(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.truncate(MIB)
    assert sum(len(block.data) for block in hashed(path, MIB, trusted_age_ns=10**18)) == MIB


def test_a_file_that_ends_early_has_changed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)
    with pytest.raises(SourceChanged, match="resized"):
        hashed(tmp_path / "a", 11, trusted_age_ns=0)
