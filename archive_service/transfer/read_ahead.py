"""The engine of an archive's bytes: batches of a range, some made ahead in threads.

Theory of operation.  The caller alternates two steps: it learns the CRC-32 values that `to_hash`
names, then takes the next batch as a future.  A server awaits both; a command blocks for them.
`AlbumDisk` decides whether a thread makes a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple, Protocol

from archive_service.archive.listing import SourceIndex
from archive_service.archive.segments import Segment
from archive_service.storage.album_disk import AlbumDisk, Load
from archive_service.storage.base import READ_AHEAD_BYTES
from archive_service.transfer.batches import BATCH_FILES, Batch, BatchMaker, close_files
from archive_service.transfer.disk_rate import DiskRate

MADE_AHEAD = 2
"""Batches made ahead of the one that is sent; with one, it is not always ready in time."""
QUICK_FROM_BYTES = 256 * 1024
"""Only quick clients reach pieces of this size.  From then on batches are made ahead, and several
files are opened for one: for a slow client both would only take memory and descriptors."""

READ_WITHIN_S = 2.0
"""A slow disk should need no longer for what it reads ahead: the bytes that are sent next wait
behind it, and front servers give up after some silent seconds."""


class PieceSizes(Protocol):
    """Says how large the next chunk should be."""

    def buffer_bytes(self) -> int:
        """Return the largest size of a buffer, in bytes; a single file may have more."""

    def span_bytes(self) -> int:
        """Return the largest size of a span, in bytes; spans take no memory."""


class Making(NamedTuple):
    """A batch that is being made."""

    offset: int
    """Where in the archive it starts."""
    batch: Future[Batch]


class ReadAhead:
    """The batches of the bytes from `start` up to `stop`; for one caller, which closes it."""

    def __init__(
        self,
        maker: BatchMaker,
        disk: AlbumDisk,
        pieces: PieceSizes,
        *,
        start: int,
        stop: int,
    ) -> None:
        self._maker = maker
        self._disk = disk
        self._pieces = pieces
        self.disk_rate = DiskRate()
        self.is_complete = maker.is_complete()
        """Whether no CRC-32 is unknown."""
        self._to_hash: Callable[[Segment], list[SourceIndex]] = (
            _nothing_to_hash if self.is_complete else maker.to_hash
        )
        self._plan = maker.planned(
            start,
            stop,
            piece_bytes=pieces.buffer_bytes,
            most_files=self._most_files,
            begins_batch=self._to_hash,
        )
        self._segments = next(self._plan, None)
        # Not a deque, which takes 0.7 KB for each of thousands of slow clients.
        self._makings: list[Making] = []
        self._read_cold: Callable[[Batch], object] | None = None

    def to_hash(self) -> list[SourceIndex]:
        """Return the sources whose CRC-32 must be learned before `next_batch`."""
        if self._makings or self._segments is None:
            return []
        return self._to_hash(self._segments[0])

    def needs_files(self) -> bool:
        """Return whether any batch takes more than packed headers; those before it are skipped."""
        while self._segments is not None:
            if self.to_hash() or self._maker.load(self._segments) is not Load.MEMORY:
                return True
            self._segments = next(self._plan, None)
        return False

    def next_batch(self) -> Making | None:
        """Return the next batch, whose files the caller closes; None behind the last."""
        ahead = min(MADE_AHEAD, self._files_at_once() - 1) if is_quick(self._pieces) else 0
        while self._segments and len(self._makings) <= ahead:
            if self._makings and self._to_hash(self._segments[0]):
                break
            self._makings.append(Making(self._segments[0].start, self._begin(self._segments)))
            self._segments = next(self._plan, None)
        return self._makings.pop(0) if self._makings else None

    def has_more(self) -> bool:
        """Return whether another batch follows."""
        return bool(self._makings) or self._segments is not None

    def note_cold(self, read_cold: Callable[[Batch], object]) -> None:
        """Note that large files are not in memory: `read_cold` gets each batch made ahead.

        It is called in the thread that made the batch.
        """
        self._read_cold = read_cold

    def close(self) -> None:
        """Drop the batches that were made ahead."""
        for making in self._makings:
            give_up(making.batch)

    def _most_files(self) -> int:
        """Return the most files of one batch."""
        if not is_quick(self._pieces):
            return 1
        return max(1, min(BATCH_FILES, self._files_at_once() // (1 + MADE_AHEAD)))

    def _files_at_once(self) -> int:
        """Return how many files the disk may read at once, in all batches."""
        files = self.disk_rate.bytes_in(READ_WITHIN_S) / READ_AHEAD_BYTES
        return int(max(1, min(files, BATCH_FILES * (1 + MADE_AHEAD))))

    def _begin(self, segments: Sequence[Segment]) -> Future[Batch]:
        if self._read_cold and self._makings:
            return self._disk.begin(partial(self._made_cold, segments, self._read_cold), Load.MUCH)
        return self._disk.begin(partial(self._maker.make, segments), self._maker.load(segments))

    def _made_cold(
        self, segments: Sequence[Segment], read_cold: Callable[[Batch], object]
    ) -> Batch:
        batch = self._maker.make(segments)
        read_cold(batch)
        return batch


def is_quick(pieces: PieceSizes) -> bool:
    """Return whether the client takes much at a time."""
    return pieces.buffer_bytes() >= QUICK_FROM_BYTES


def give_up(batch: Future[Batch]) -> None:
    """Cancel a batch, or close its files once it is made."""
    if not batch.cancel():
        batch.add_done_callback(_close_made)


def _close_made(making: Future[Batch]) -> None:
    if not making.cancelled() and making.exception() is None:
        close_files(making.result())


def _nothing_to_hash(_segment: Segment) -> list[SourceIndex]:
    return []
