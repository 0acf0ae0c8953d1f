"""Files that were made or written to and not closed since, as inotify(7) reports it.

The kernel does not report files that were opened before the directory was watched, mappings, and
changes by other machines on a network disk.  No path is kept for a watch.  So a file is recorded by
its album, its directory's watch and its base name, and looked up by album and base name.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from archive_service.archive.settling import OPEN_S

MOST_FILES = 10_000
"""The most files that are recorded; beyond that the oldest is dropped."""


class _Writing(NamedTuple):
    since_s: float
    """When it was last created or written to."""
    is_written: bool
    """Whether it was written to; a file that was only created may be a hard link."""


class _Key(NamedTuple):
    watch: int
    album: str
    name: str


class WrittenFiles:
    """The files of one process's watcher; for calls from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._files: dict[_Key, _Writing] = {}
        self._watches: defaultdict[tuple[str, str], set[int]] = defaultdict(set)

    def note_made(self, watch: int, album: str, name: str) -> None:
        """Record that a file was created; its writer may continue."""
        with self._lock:
            self._put(_Key(watch, album, name), _Writing(self._clock(), is_written=False))

    def note_written(self, watch: int, album: str, name: str) -> None:
        """Record that a file was written to; its writer may continue."""
        with self._lock:
            self._put(_Key(watch, album, name), _Writing(self._clock(), is_written=True))

    def note_closed(self, watch: int, album: str, name: str) -> None:
        """Record that a writer has closed a file."""
        with self._lock:
            self._take(_Key(watch, album, name))

    def note_renamed(self, old: tuple[int, str, str], new: tuple[int, str, str]) -> None:
        """Record that a file was renamed; `old` and `new` are a watch, album and name."""
        with self._lock:
            if writing := self._take(_Key(*old)):
                self._put(_Key(*new), writing)

    def clear(self) -> None:
        """Forget all files: events were lost, or nothing is watched any more."""
        with self._lock:
            self._files.clear()
            self._watches.clear()

    def is_written(self, album: str, name: str) -> bool:
        """Return whether a file with this base name was written to and not closed since."""
        return any(writing.is_written for writing in self._lately(album, name))

    def is_begun(self, album: str, name: str) -> bool:
        """Return the same, also for a file that was only created."""
        return bool(self._lately(album, name))

    def _lately(self, album: str, name: str) -> list[_Writing]:
        oldest_s = self._clock() - OPEN_S
        with self._lock:
            watches = self._watches.get((album, name), ())
            found = [self._files[_Key(watch, album, name)] for watch in watches]
        return [writing for writing in found if writing.since_s >= oldest_s]

    def _put(self, key: _Key, writing: _Writing) -> None:
        self._take(key)
        self._files[key] = writing
        self._watches[key.album, key.name].add(key.watch)
        if len(self._files) > MOST_FILES:
            self._take(next(iter(self._files)))

    def _take(self, key: _Key) -> _Writing | None:
        writing = self._files.pop(key, None)
        if writing:
            watches = self._watches[key.album, key.name]
            watches.discard(key.watch)
            if not watches:
                del self._watches[key.album, key.name]
        return writing
