"""Files that are watched until their first reading, so that their stamps stay true.

The stamp of an unread file is its ctime, which a change of owner moves.  Reading can't show then
whether the content has changed, because the listed content is unknown.  So while an album is
downloaded for the first time, its unread files are watched, see `write_watches`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from threading import Lock

from archive_service.archive.errors import DownloadFailed
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.storage.base import AlbumFiles, DiskFile, SourceFile
from archive_service.storage.local.write_watches import Watched, WriteWatches


class UnreadFiles:
    """The watched files of one listing; for calls from any thread.

    `open_album` gives access to the files.
    """

    def __init__(
        self,
        listing: Listing,
        open_album: Callable[[], AbstractContextManager[AlbumFiles]],
        watches: WriteWatches,
    ) -> None:
        self.listing = listing
        self._open_album = open_album
        self._watches = watches
        self._lock = Lock()
        self._watched: dict[SourceIndex, Watched] = {}
        # Of a file that changed later, the ctime may be the same after one more change.
        self._settled_ns = time.time_ns() - listing.clock_tick_ns()
        self._users = 0

    def join(self) -> None:
        """Watch until `leave` is called as often."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """End all watches once all who joined have left; takes microseconds a file."""
        with self._lock:
            self._users -= 1
            left = [] if self._users else list(self._watched)
        for source in left:
            self._drop(source)

    def watch(self, sources: Iterable[SourceIndex]) -> None:
        """Watch files that are still as listed, up to one on a slow file system; blocks."""
        with self._open_album() as files:
            for source in sources:
                if source in self._watched or self.listing.ctime_ns(source) >= self._settled_ns:
                    continue
                try:
                    with files.open(source) as file:
                        if not isinstance(file, DiskFile) or not file.is_prompt:
                            return
                        self._add(source, file)
                        files.verify(file, source)  # it may have changed before it was watched
                except DownloadFailed:
                    self._drop(source)

    def is_unwritten(self, source: SourceIndex, file: SourceFile) -> bool:
        """Return whether an open file is proven to have the bytes that it had when listed."""
        watched = self._watched.get(source)
        if watched is None or not isinstance(file, DiskFile):
            return False
        return self._watches.is_unwritten(watched, file.fileno())

    def unwritten(self) -> Iterator[SourceIndex]:
        """Yield the files that are proven to be unwritten; blocks."""
        if not self._watched:
            return
        with self._open_album() as files:
            for source in list(self._watched):
                with suppress(DownloadFailed), files.open(source) as file:
                    if self.is_unwritten(source, file):
                        yield source

    def _add(self, source: SourceIndex, file: DiskFile) -> None:
        with self._lock:
            if not self._users or source in self._watched:
                return
            if watched := self._watches.begin(file.fileno()):
                self._watched[source] = watched

    def _drop(self, source: SourceIndex) -> None:
        with self._lock:
            watched = self._watched.pop(source, None)
        if watched:
            self._watches.end(watched)
