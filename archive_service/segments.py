"""The kinds of segments an archive is made of, and how they are grouped for sending.

A segment names a part of one record or one file; `start` and `stop` are bytes within it, half-open.
Nothing here holds the bytes themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

MAX_SEGMENTS_PER_BATCH = 512
"""Bounds the work of a batch where segments are tiny, such as empty files."""


class LocalHeader(NamedTuple):
    """A part of an entry's local file header (APPNOTE 4.3.7)."""

    entry: int
    start: int
    stop: int


class FileData(NamedTuple):
    """A part of an entry's file data (APPNOTE 4.3.8)."""

    entry: int
    start: int
    stop: int


class CentralHeader(NamedTuple):
    """A part of an entry's central directory header (APPNOTE 4.3.12)."""

    entry: int
    start: int
    stop: int


class EndRecords(NamedTuple):
    """A part of what follows the central directory headers (APPNOTE 4.3.14 to 4.3.16)."""

    start: int
    stop: int


Segment = LocalHeader | FileData | CentralHeader | EndRecords
Batch = list[Segment]


def segment_length(segment: Segment) -> int:
    """Return the bytes a segment stands for."""
    return segment.stop - segment.start


def batched(
    segments: Iterable[Segment],
    *,
    is_large: Callable[[int], bool],
    batch_bytes: Callable[[], int],
) -> Iterator[Batch | FileData]:
    """Group consecutive segments into batches to be sent as one buffer.

    The data of an entry for which `is_large` is true stands alone, to be sent from its file.
    `batch_bytes` is asked anew for each batch, in bytes; one segment may exceed it.
    """
    batch: Batch = []
    room = batch_bytes()
    for segment in segments:
        if isinstance(segment, FileData) and is_large(segment.entry):
            if batch:
                yield batch
            yield segment
            batch, room = [], batch_bytes()
            continue
        length = segment.stop - segment.start
        if batch and (length > room or len(batch) >= MAX_SEGMENTS_PER_BATCH):
            yield batch
            batch, room = [], batch_bytes()
        batch.append(segment)
        room -= length
    if batch:
        yield batch
