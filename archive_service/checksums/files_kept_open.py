"""Files kept open between hashing and sending.

Some file systems (FUSE, mostly) drop what is in memory of a file when it is opened again.  So where
reading is slow, a file that was hashed for a download stays open until its turn to be sent: its
data is read from the disk once, and lies in the page cache meanwhile, not in the process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Semaphore

from archive_service.storage.base import DiskFile

MOST_KEPT = 64
"""Of one process: each takes a descriptor."""


class KeptFiles:
    """The kept files of one album, by source; for calls from any thread.

    `room` counts those of all albums.
    """

    def __init__(self, room: Semaphore) -> None:
        self._room = room
        self._lock = Lock()
        self._files: dict[int, DiskFile] = {}
        self._users = 0
        self._close: Callable[[int], object] = os.close

    def close_by(self, close: Callable[[int], object]) -> None:
        """Close descriptors by a call that does not wait."""
        self._close = close

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keep files until the end of a block, or of the last that runs meanwhile."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                left = [] if self._users else list(self._files)
            for source in left:
                if file := self.taken(source):
                    file.close()

    def keep(self, source: int, file: DiskFile) -> None:
        """Keep a file that was just hashed, unless it is prompt or no download will send it."""
        if file.is_prompt:
            return
        with self._lock:
            if not self._users or source in self._files or not self._room.acquire(blocking=False):
                return
            try:
                self._files[source] = file.duplicate(self._close)
            except OSError:  # no descriptor is free
                self._room.release()

    def taken(self, source: int) -> DiskFile | None:
        """Return a file and keep it no longer; the caller closes it."""
        if not self._files:  # as on all prompt storage
            return None
        with self._lock:
            file = self._files.pop(source, None)
        if file:
            self._room.release()
        return file
