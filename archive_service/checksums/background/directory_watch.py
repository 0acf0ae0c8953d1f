"""The directories of albums are watched: new ones at once, all before they are read.

At once, because the first file of a new directory is often open already, and the kernel reports
only what happens to it after the directory is watched.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from archive_service.archive.errors import StorageUnavailable
from archive_service.archive.id import is_archive_id
from archive_service.storage.local.watcher import AlbumWatcher, Changes, WatchFailed

InThread = Callable[[str, Callable[[], None]], Awaitable[None]]
"""Calls a function of an album in a thread; raises StorageUnavailable where its disk hangs."""
_REST = 4
"""Between two albums it rests so many times as long as the first took: while a tree is copied, each
of its directories has the album's directories watched anew."""
_REST_MAX_S = 1.0


class DirectoryWatch:
    """Has the directories of albums watched, those of one album at a time."""

    def __init__(
        self,
        watcher: AlbumWatcher,
        in_thread: InThread,
        report: Callable[[str, Exception], None],
    ) -> None:
        self.watcher = watcher
        self._in_thread = in_thread
        self._report = report
        self._unwatched: set[str] = set()
        self._new: set[str] = set()
        """Those of them that may have new directories."""
        self._has_new = asyncio.Event()
        self._lock = asyncio.Lock()

    def changes(self) -> Changes:
        """Return the changes that one short read gets; new directories are watched at once."""
        changes = self.watcher.changes()
        new = set(filter(is_archive_id, changes.unwatched))
        if new:
            self._unwatched |= new
            self._new |= new
            self._has_new.set()
        if changes.has_overflown:
            self._unwatched |= self.watcher.albums()
        return changes

    def doubt(self, album: str) -> None:
        """Have an album watched again before it is read: the kernel may not have reported all."""
        self._unwatched.add(album)

    async def watch_all(self, albums: Iterable[str]) -> None:
        """Watch the directories of albums; raise WatchFailed."""
        for album in albums:
            self._unwatched.add(album)
            await self.make_sure(album)

    async def watch_new(self) -> None:
        """Watch new directories until cancelled; raise WatchFailed."""
        while True:
            await self._has_new.wait()
            self._has_new.clear()
            for album in tuple(self._new):
                self._new.discard(album)
                started_s = time.monotonic()
                await self.make_sure(album)
                await asyncio.sleep(min(_REST * (time.monotonic() - started_s), _REST_MAX_S))

    async def make_sure(self, album: str) -> None:
        """Return when all known directories of an album are watched; raise WatchFailed.

        An album whose disk does not answer, or fails, is left for the next call.
        """
        async with self._lock:
            if album not in self._unwatched:
                return
            self._unwatched.discard(album)
            try:
                await self._in_thread(album, partial(self.watcher.watch, album))
            except WatchFailed:
                raise
            except StorageUnavailable:
                self._unwatched.add(album)
            except Exception as error:  # noqa: BLE001 - of this album; the others go on
                self._report(album, error)
