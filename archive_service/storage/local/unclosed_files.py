"""Files that were made or written to and not closed since, as inotify(7) reports it.

The kernel does not report files that were opened before the directory was watched, mappings, and
changes by other machines on a network disk.  No path is kept for a watch.  So a file is recorded by
its album, its directory's watch and its base name, and looked up by album and base name.

The kernel reports two other things like the begin of a write, and no CLOSE_WRITE follows:

- A file gets a name by link(2), with CREATE: a second name, or the name it was written for, as
  lighttpd gives it.  Such a file has bytes that no MODIFY has reported.
- A time of modification is set alone, with MODIFY, as 7-Zip does once it has closed a file.  It is
  another time than that of the event.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from archive_service.archive.settling import OPEN_S

MOST_FILES = 10_000
"""The most files that are recorded; beyond that the oldest is dropped."""
_DATED_S = 60.0
"""A file's time that lies further from the write that is reported was set by a program: events may
be read late, but not so late."""


class _Writing(NamedTuple):
    since_s: float
    """When it was last created or written to."""
    is_made: bool
    """Whether it was created, or linked, since it was last closed."""
    written_unix_s: float | None = None
    """When it was written to, or its time set."""

    def may_go_on(self, status: os.stat_result) -> bool:
        """Return whether a writer of the file that has this status may continue."""
        may_be_new = self.is_made and status.st_nlink == 1
        if self.written_unix_s is None:
            return may_be_new and not status.st_size
        return may_be_new or abs(status.st_mtime - self.written_unix_s) < _DATED_S


class _Key(NamedTuple):
    watch: int
    album: str
    name: str


class UnclosedFiles:
    """The files of one process's watcher; for calls from any thread."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        unix_clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._unix_clock = unix_clock
        self._lock = threading.Lock()
        self._files: dict[_Key, _Writing] = {}
        self._watches: defaultdict[tuple[str, str], set[int]] = defaultdict(set)

    def note_made(self, watch: int, album: str, name: str) -> None:
        """Record that a file was created; its writer may continue."""
        with self._lock:
            self._put(_Key(watch, album, name), _Writing(self._clock(), is_made=True))

    def note_written(self, watch: int, album: str, name: str) -> None:
        """Record that a file was written to; its writer may continue."""
        with self._lock:
            key = _Key(watch, album, name)
            is_made = key in self._files and self._files[key].is_made
            self._put(key, _Writing(self._clock(), is_made, self._unix_clock()))

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

    def is_written(self, album: str, name: str, status: os.stat_result) -> bool:
        """Return whether a file with this base name may be open for writing.

        `status` is that of the file that was found.
        """
        return any(writing.may_go_on(status) for writing in self._lately(album, name))

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
