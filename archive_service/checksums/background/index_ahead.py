"""Albums are indexed before a visitor asks for them.

Theory of operation.  Where the kernel reports changes, an album in which something has changed
waits in the queue until it has been still; then it is listed, and its unknown files are hashed.  A
pass looks at all albums: at the start, when the kernel lost changes, and now and then in case
something was missed.  Where the kernel reports nothing there are only passes.
Two tasks work off the queue, one what has changed and one what has been there for longer, so that
no upload waits behind years of albums.  A long album goes back behind the others after its turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from archive_service.archive.errors import StorageUnavailable
from archive_service.archive.id import is_archive_id
from archive_service.checksums.background.album_queue import AlbumQueue
from archive_service.checksums.background.directory_watch import DirectoryWatch
from archive_service.checksums.background.hasher import BackgroundHasher
from archive_service.checksums.background.indexer import Indexer
from archive_service.observe.events import Event, Observe
from archive_service.observe.index_events import (
    IndexAheadBacklog,
    IndexAheadFailed,
    IndexAheadOverflown,
    IndexAheadScanning,
    IndexAheadWaiting,
    IndexAheadWatching,
)
from archive_service.storage.local.watcher import AlbumWatcher, WatchFailed
from archive_service.storage.time_limits import ended_within

SCAN_EVERY_S = 10.0
"""The pause between two passes where the kernel reports nothing."""
MAKE_SURE_EVERY_S = 3600.0
"""The same where it does."""
ROOT_LOOK_EVERY_S = 5.0
_AFTER_FAILURE_S = 60.0
_SETTLE_TIME_MIN_S = 0.1
_REST = 4
"""Work on old albums is followed by a rest of so many times its duration."""
_REST_MAX_S = 0.1
"""Between albums; within a large one the thread that reads has rested already."""


class _RootGone(Exception):
    """The watched directory is no longer the root."""


class IndexAhead:
    """Keeps the index ahead of the visitors; for one event loop.

    `open_watch` watches the root, in a thread; None where there are to be passes only.
    """

    def __init__(
        self,
        hasher: BackgroundHasher,
        observe: Observe,
        *,
        settle_time_s: float,
        open_watch: Callable[[], AlbumWatcher] | None,
        scan_every_s: float = SCAN_EVERY_S,
    ) -> None:
        settle_time_s = max(settle_time_s, _SETTLE_TIME_MIN_S)
        self._hasher = hasher
        self._observe = observe
        self._open_watch = open_watch
        self._scan_every_s = scan_every_s
        self._queue = AlbumQueue(settle_time_s)
        self._indexer = Indexer(hasher, self._queue, observe, settle_time_s=settle_time_s)
        self._state: type[Event] | None = None
        self._news = asyncio.Event()
        self._pass_wanted = asyncio.Event()
        self._root_gone = asyncio.Event()

    async def run(self) -> None:
        """Run until cancelled, whatever fails."""
        while True:
            try:
                await self._root_is_there()
                async with self._watching() as watched:
                    await self._attend(watched)
            except WatchFailed as failed:
                self._open_watch = None
                self._report_state(IndexAheadScanning(failed.reason))
            except (_RootGone, StorageUnavailable):
                self._indexer.forget()  # the index may have been pruned meanwhile
            except Exception as error:  # noqa: BLE001 - a bug must not end it for good
                self._report_state(IndexAheadFailed(type(error).__name__))
                await asyncio.sleep(_AFTER_FAILURE_S)

    async def _root_is_there(self) -> None:
        while True:
            try:
                await self._hasher.albums()
                return
            except StorageUnavailable as error:
                self._report_state(IndexAheadWaiting(error.reason))
                await asyncio.sleep(ROOT_LOOK_EVERY_S)

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[DirectoryWatch | None]:
        if self._open_watch is None:
            yield None
            return
        opening = self._hasher.in_thread(self._open_watch)
        try:
            watcher = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)
            raise
        watched = DirectoryWatch(watcher, self._hasher.watch, self._indexer.report)
        loop = asyncio.get_running_loop()
        self._root_gone.clear()
        loop.add_reader(watcher.fileno(), self._take_changes, watched)
        try:
            yield watched
        finally:
            loop.remove_reader(watcher.fileno())
            watcher.close()

    async def _attend(self, watched: DirectoryWatch | None) -> None:
        """Run all tasks until one of them fails."""
        parts = [self._passes(watched), self._index_changed(watched), self._index_old(watched)]
        if watched:
            parts += [self._look_at_root(watched.watcher), watched.watch_new()]
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _take_changes(self, watched: DirectoryWatch) -> None:
        changes = watched.changes()
        clock_s = time.monotonic()
        for album in filter(is_archive_id, changes.albums):
            self._queue.changed(album, clock_s=clock_s)
        if changes.has_overflown:
            self._observe(IndexAheadOverflown())
            self._pass_wanted.set()
        if changes.is_root_gone:
            self._root_gone.set()
        self._report_backlog()

    async def _look_at_root(self, watcher: AlbumWatcher) -> None:
        while await self._hasher.in_thread(watcher.is_of_root):
            if await _is_set(self._root_gone, within_s=ROOT_LOOK_EVERY_S):
                break
        raise _RootGone

    async def _passes(self, watched: DirectoryWatch | None) -> None:
        if watched:
            await watched.watch_all(await self._albums())
        self._report_state(IndexAheadWatching() if watched else IndexAheadScanning())
        await self._pass(watched, self._indexer.add_old)
        while True:
            pause_s = MAKE_SURE_EVERY_S if watched else self._scan_every_s
            await _is_set(self._pass_wanted, within_s=pause_s)
            await self._pass(watched, self._indexer.add_changed)

    async def _pass(
        self, watched: DirectoryWatch | None, add: Callable[[str], Awaitable[None]]
    ) -> None:
        """Look at every album and queue what is to be indexed."""
        self._pass_wanted.clear()
        albums = await self._albums()
        self._indexer.forget_all_but(albums)
        for album in albums:
            started_s = time.monotonic()
            if watched:
                await watched.make_sure(album)
            if album not in self._queue:
                await add(album)
                if watched and album in self._queue:
                    watched.doubt(album)
                self._report_backlog()
            await asyncio.sleep(min(_REST * (time.monotonic() - started_s), _REST_MAX_S))

    async def _albums(self) -> list[str]:
        return list(filter(is_archive_id, await self._hasher.albums()))

    async def _index_changed(self, watched: DirectoryWatch | None) -> None:
        while True:
            clock_s = time.monotonic()
            if taken := self._queue.next_changed(clock_s=clock_s):
                album, tries = taken
                await self._index(watched, album, tries=tries, rest=1)
                continue
            due_s = self._queue.due_s()
            await self._some_news(None if due_s is None else due_s - clock_s)

    async def _index_old(self, watched: DirectoryWatch | None) -> None:
        while True:
            if taken := self._queue.next_old():
                album, turns = taken
                await self._index(watched, album, turns=turns, rest=_REST)
            else:
                await self._some_news(None)

    async def _index(
        self,
        watched: DirectoryWatch | None,
        album: str,
        *,
        rest: int,
        tries: int = 0,
        turns: int = 0,
    ) -> None:
        """Index an album, then rest: so many times as long as that took."""
        started_s = time.monotonic()
        if watched:
            await watched.make_sure(album)
        await self._indexer.index(album, tries=tries, turns=turns)
        self._report_backlog()
        await asyncio.sleep(min(rest * (time.monotonic() - started_s), _REST_MAX_S))

    async def _some_news(self, within_s: float | None) -> None:
        self._news.clear()
        await _is_set(self._news, within_s=within_s)

    def _report_backlog(self) -> None:
        self._observe(IndexAheadBacklog(len(self._queue)))
        self._news.set()

    def _report_state(self, event: Event) -> None:
        """Report a new state; scanning on for another reason is the same state."""
        if type(event) is not self._state:
            self._state = type(event)
            self._observe(event)


def _close_opened(opening: asyncio.Future[AlbumWatcher]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def _is_set(event: asyncio.Event, *, within_s: float | None) -> bool:
    with suppress(asyncio.TimeoutError):
        await ended_within(within_s, event.wait())
    return event.is_set()
