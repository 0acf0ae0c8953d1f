"""The one loop that computes CRC-32 values.

Theory of operation.  A hash runs block by block and can be left after each of them: its state, an
offset and the CRC-32 up to there, is all that is needed to continue later.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import local
from typing import NamedTuple

from zlib_ng import zlib_ng

from archive_service.archive.errors import SourceChanged, SourceUnreadable
from archive_service.storage.base import DiskFile, SourceFile
from archive_service.storage.local.holes import TRUSTED_AGE_NS, data_offset
from archive_service.storage.thread_progress import note_progress

BLOCK_BYTES = 512 * 1024
"""Bytes hashed between two checks whether to continue."""
_HOLE_LOOK_BYTES = 8 * 1024 * 1024
"""The data after which the file is asked again for a hole."""
_NO_DATA = memoryview(b"")


class HashState(NamedTuple):
    """How far a file is hashed."""

    offset: int
    crc32: int
    """Of the bytes before the offset."""
    read_from_ns: int
    """Unix time when the first byte was read."""


class HashedBlock(NamedTuple):
    """One step of a hash."""

    data: memoryview
    """What was read; empty where a hole was skipped."""
    state: HashState


def begin_hash() -> HashState:
    """Return the state of a hash that begins now."""
    return HashState(0, 0, time.time_ns())


def hash_blocks(
    file: SourceFile, state: HashState, *, size: int, buffers: Iterator[memoryview] | None = None
) -> Iterator[HashedBlock]:
    """Hash an open file from a state on, up to `size`; yield after each block.

    A block is valid until its buffer comes again; without `buffers` it is the thread's own.
    Raise SourceUnreadable, and SourceChanged where the file ends before `size`.
    """
    offset, crc32, read_from_ns = state
    buffers = buffers or iter(thread_block, None)
    while offset < size:
        buffer = next(buffers)[: size - offset]
        try:
            if isinstance(file, DiskFile) and file.needs_read_on(offset):
                file.read_on(offset)
            count = file.readinto(buffer)
        except OSError as error:
            raise SourceUnreadable.of(error) from None
        if not count:
            raise SourceChanged("resized")
        data = buffer[:count]
        crc32 = zlib_ng.crc32(data, crc32)
        offset += count
        note_progress()
        yield HashedBlock(data, HashState(offset, crc32, read_from_ns))


def hash_around_holes(
    file: SourceFile, state: HashState, *, size: int, trusted_age_ns: int = TRUSTED_AGE_NS
) -> Iterator[HashedBlock]:
    """Do the same, with the thread's own buffer; holes of a local file are not read."""
    if state.offset:
        _skip_to(file, state.offset, size=size)
    while state.offset < size:
        skipped = _over_hole(file, state, size=size, trusted_age_ns=trusted_age_ns)
        if skipped != state:
            state = skipped
            yield HashedBlock(_NO_DATA, state)
        stop = min(state.offset + _HOLE_LOOK_BYTES, size) if isinstance(file, DiskFile) else size
        for block in hash_blocks(file, state, size=stop):
            state = block.state
            yield block


def _skip_to(file: SourceFile, offset: int, *, size: int) -> None:
    if not isinstance(file, DiskFile):
        file.begin(offset, size)
        return
    try:
        file.seek(offset)
    except OSError as error:
        raise SourceUnreadable.of(error) from None


def _over_hole(file: SourceFile, state: HashState, *, size: int, trusted_age_ns: int) -> HashState:
    if not isinstance(file, DiskFile):
        return state
    try:
        found = data_offset(file, state.offset, size=size, trusted_age_ns=trusted_age_ns)
    except OSError as error:
        raise SourceUnreadable.of(error) from None
    count = found - state.offset
    if not count:
        return state
    crc32 = zlib_ng.crc32_combine(state.crc32, crc32_of_zeros(count), count)
    return state._replace(offset=found, crc32=crc32)


def crc32_of_zeros(count: int) -> int:
    """Return the CRC-32 of a number of zeros, in a time that grows with its digits."""
    crc32 = done = 0
    for digit in f"{count:b}":
        crc32 = zlib_ng.crc32_combine(crc32, crc32, done)
        done *= 2
        if digit == "1":
            crc32 = zlib_ng.crc32(b"\0", crc32)
            done += 1
    return crc32


class _Blocks(local):
    block: memoryview | None = None


_blocks = _Blocks()


def thread_block(size_bytes: int = BLOCK_BYTES) -> memoryview:
    """Return some bytes of the calling thread's own buffer.

    To make one for each file would take longer than to hash a small one.
    """
    block = _blocks.block
    if block is None or len(block) < size_bytes:
        block = _blocks.block = memoryview(bytearray(size_bytes))
    return block[:size_bytes]
