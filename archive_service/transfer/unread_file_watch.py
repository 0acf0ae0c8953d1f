"""Watches the unread files of an album while a download of it runs; see `UnreadFiles`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice

from archive_service.checksums.album import AlbumChecksums
from archive_service.checksums.crc32_column import UNKNOWN

WATCHED_FIRST = 100
"""Unread files that are watched before the answer; opening them takes a few milliseconds."""
WATCHED_WITHIN_S = 0.25
"""How long the answer waits for that at most, on a machine that is busy."""
WATCHED_FILES = 2_000
"""The most unread files that are watched; ending so many watches takes 6 ms of the event loop."""
WATCH_OTHERS_AFTER_S = 1.0
"""When the others are watched: by then most small files are read."""

InThread = Callable[[Callable[[], None]], Awaitable[None]]
"""Does work that waits for the disk, in a thread."""


@asynccontextmanager
async def unread_watched(
    checksums: AlbumChecksums, in_thread: InThread
) -> AsyncGenerator[None, None]:
    """Watch unread files until the end of a block."""
    checksums.unread.join()
    first = asyncio.ensure_future(_watch(checksums, in_thread, WATCHED_FIRST))
    others = asyncio.ensure_future(_watch_others(checksums, in_thread))
    try:
        await asyncio.wait({first}, timeout=WATCHED_WITHIN_S)
        yield
    finally:
        first.cancel()
        others.cancel()
        checksums.unread.leave()


async def _watch_others(checksums: AlbumChecksums, in_thread: InThread) -> None:
    await asyncio.sleep(WATCH_OTHERS_AFTER_S)
    await _watch(checksums, in_thread, WATCHED_FILES)


async def _watch(checksums: AlbumChecksums, in_thread: InThread, most: int) -> None:
    """Have unread files watched."""
    if checksums.stamps is not None:
        await in_thread(partial(_watch_unread, checksums, most))


def _watch_unread(checksums: AlbumChecksums, most: int) -> None:
    # The search, too, is for a thread: of 150,000 files all but the last may be known.
    unread = (source for source in checksums.unknown() if checksums.announced(source) == UNKNOWN)
    checksums.unread.watch(list(islice(unread, most)))
