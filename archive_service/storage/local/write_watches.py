"""Proves that nobody has written to files whose ctime has moved, with inotify(7) and a read lease.

A change of owner, links or labels moves the ctime, as writing does.  Of a file whose CRC-32 is not
known yet no reading shows which of them it was.  The kernel reports each write to a watched file
by whatever name or descriptor it is made, and when a descriptor for writing is closed.  Only
mappings and some asynchronous writes are not reported before that; while these last, a read lease
fails.  So a file is unwritten if a lease can be taken and then no event is there.

This holds on local disks.  Where something is missing (the right to take a lease, room for
watches, events), there is no proof.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from archive_service.storage.local.read_lease import Lease, Leases

if TYPE_CHECKING:
    from inotify_simple import INotify

MOST_WATCHED = 20_000
"""Files watched at once; each takes about a kilobyte in the kernel."""
# From inotify.h.  IN_UNMOUNT, IN_Q_OVERFLOW and IN_IGNORED come unasked.
_WRITTEN = 0x2 | 0x8  # IN_MODIFY, IN_CLOSE_WRITE
_OVERFLOW = 0x4000


class Watched(NamedTuple):
    """A file that is watched."""

    watch: int
    inode: tuple[int, int]
    """Device and inode number."""
    events: int
    """How many had come when the watch began."""
    overflows: int


class WriteWatches:
    """The watches of one process; for calls from any thread.

    Its inotify instance is kept until `close`: to close one takes the kernel some 20 ms.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._most = MOST_WATCHED
        self._inotify: INotify | None = None
        self._leases = Leases()
        self._users: Counter[int] = Counter()
        self._events: Counter[int] = Counter()
        self._overflows = 0

    def prepare(self) -> None:
        """Open the instance, before any file is open.

        Its first use runs ldconfig (`ctypes.util.find_library`), and holds the interpreter's lock
        until that program has closed the files it was born with.  A file on a disk that hangs
        would have the whole process wait.
        """
        with self._lock, suppress(OSError, ImportError, AttributeError):
            self._opened()

    def begin(self, descriptor: int) -> Watched | None:
        """Watch an open file; None if that is impossible."""
        with self._lock:
            if len(self._users) >= self._most:
                return None
            try:
                inotify = self._opened()
                if self._users:  # an earlier write to a file that is watched already
                    self._take_events()
                watch = inotify.add_watch(f"/proc/self/fd/{descriptor}", _WRITTEN)
                status = os.fstat(descriptor)
            except (OSError, ImportError, AttributeError):
                return None
            self._users[watch] += 1
            inode = status.st_dev, status.st_ino
            events = self._events[watch]
            return Watched(watch, inode, events, self._overflows)

    def end(self, watched: Watched) -> None:
        """End a watch."""
        with self._lock:
            self._users[watched.watch] -= 1
            if self._users[watched.watch] or self._inotify is None:
                return
            del self._users[watched.watch], self._events[watched.watch]
            with suppress(OSError):  # the file may be gone
                self._inotify.rm_watch(watched.watch)
            if not self._users:
                self._take_events()  # of ended watches; else they fill the queue

    def is_unwritten(self, watched: Watched, descriptor: int) -> bool:
        """Return whether the open file is the watched one, and nobody has written to it since."""
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) != watched.inode:
            return False
        # The lease first: a writer that ends after it is reported by an event.
        if self._leases.of(descriptor) is not Lease.FREE:
            return False
        with self._lock:
            # No number is given twice in the life of an instance.
            if watched.watch not in self._users:
                return False
            self._take_events()
            events = self._events[watched.watch], self._overflows
        return events == (watched.events, watched.overflows)

    def close(self) -> None:
        """End all watches, and begin no more."""
        with self._lock:
            self._most = 0
            self._users.clear()
            if self._inotify is not None:
                self._inotify.close()
                self._inotify = None

    def _opened(self) -> INotify:
        if self._inotify is None:
            from inotify_simple import INotify  # noqa: PLC0415 - of Linux only

            self._inotify = INotify(nonblocking=True)
        return self._inotify

    def _take_events(self) -> None:
        if self._inotify is None:
            return
        while events := self._inotify.read(timeout=0):
            for event in events:
                if event.mask & _OVERFLOW:
                    self._overflows += 1
                elif event.wd in self._users:
                    self._events[event.wd] += 1
