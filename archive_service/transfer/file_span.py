"""Pieces of open files, and how they get into memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from archive_service.archive.errors import SourceChanged, SourceUnreadable
from archive_service.storage.base import DiskFile
from archive_service.storage.local.page_cache import is_cached, is_cold, read_in
from archive_service.storage.thread_progress import note_progress
from archive_service.transfer.batches import NOTHING

_MOMENT_S = 0.1
"""How long a batch waits for the disk at most: its client should not wait for all of it."""
_STEP_BYTES = 1024 * 1024
_READ_BYTES = 128 * 1024
"""Of one call, on a slow disk: what it has given is progress."""


@dataclass(frozen=True, slots=True)
class FileSpan:
    """`count` bytes from `offset` of an open file, probably in the page cache.

    It is sent, by reference (see `ReferencedFiles`), only if its file is prompt: `fstat`, and
    sending cached data, do not wait then.  Of other files it is read into memory first.
    """

    file: DiskFile
    offset: int
    count: int
    head: memoryview = NOTHING
    """Bytes sent in front of them: the header of the file.  As a chunk of its own it would cost as
    much as the span, mostly in Python."""

    def __len__(self) -> int:
        return len(self.head) + self.count

    @property
    def stop(self) -> int:
        """Where in the file it ends."""
        return self.offset + self.count

    @property
    def is_prompt(self) -> bool:
        """Whether it can be sent, or read, without waiting; never waits."""
        return self.file.is_prompt and is_cached(self.file.fileno(), self.offset, self.count)


@dataclass(frozen=True, slots=True)
class CopiedSpan(FileSpan):
    """A span that the kernel copies: who writes to the file later does not change what was sent."""


Chunk = memoryview | FileSpan


def read_span(span: FileSpan) -> memoryview:
    """Read the bytes of a span, and have the kernel read on; raise DownloadFailed."""
    buffer = memoryview(bytearray(span.count))
    left, position = buffer, span.offset
    try:
        span.file.read_on(span.stop)
        while left:
            count = os.preadv(span.file.fileno(), (left[:_READ_BYTES],), position)
            if not count:
                raise SourceChanged("resized")
            note_progress()
            left, position = left[count:], position + count
    except OSError as error:
        raise SourceUnreadable.of(error) from None
    return buffer


def warm_span(span: FileSpan) -> None:
    """Read a span into the page cache, and have the kernel read on; raise DownloadFailed."""
    try:
        span.file.read_on(span.stop)
        read_in(span.file.fileno(), span.offset, span.count)
    except OSError as error:
        raise SourceUnreadable.of(error) from None


def read_for_a_moment(spans: Iterable[FileSpan]) -> None:
    """Have a local disk read spans that are certainly not in memory; the rest comes in its turn."""
    stop_s = time.monotonic() + _MOMENT_S
    for span in spans:
        descriptor = span.file.fileno()
        for offset in range(span.offset, span.stop, _STEP_BYTES):
            if time.monotonic() >= stop_s:
                return
            count = min(_STEP_BYTES, span.stop - offset)
            if span.file.is_prompt and is_cold(descriptor, offset, count):
                with suppress(OSError):  # it is raised again in its turn
                    read_in(descriptor, offset, count)
