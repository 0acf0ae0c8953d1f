"""Requests in their first moments, to which heavy work gives way.

Theory of operation.  Most answers take a few milliseconds alone.  But each needs the event loop, a
processor and the interpreter's lock dozens of times, and waits for them each time while threads
pack, list or hash for others.  So while a request is young and not answered, a thread that has
computed for a while rests between two steps of its work, and the event loop makes fewer steps for
downloads at full speed.

Heavy work gets its share nevertheless: a rest is no longer than what was computed before it.  And a
request that takes long, because its album is large or its disk slow, is soon no longer young.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

YOUNG_S = 0.03
"""Alone, an album of a dozen new files is sent within 10 ms."""
_CONNECTING_S = 0.005
"""A connection that waits to be accepted mostly has its request with it."""
HEAVY_S = YOUNG_S
"""Work that has computed for so long is heavy: the request that began it is no longer young, so it
never waits for itself."""
STEP_S = 0.005
"""The processor time that heavy work takes at least between two rests."""


class Newcomers:
    """The young requests; for calls from one event loop.

    `are_there` and `rest` are for any thread.
    """

    def __init__(self) -> None:
        self._young: set[Newcomer] = set()
        self._none = threading.Event()
        self._none.set()
        self._connecting_until_s = 0.0

    @property
    def are_there(self) -> bool:
        """Whether a young request is being answered."""
        return bool(self._young)

    @property
    def are_coming(self) -> bool:
        """Whether one is being answered, or its connection is being accepted."""
        return bool(self._young) or time.monotonic() < self._connecting_until_s

    def note_connection(self) -> None:
        """Note that a connection waits to be accepted."""
        self._connecting_until_s = time.monotonic() + _CONNECTING_S

    def coming(self, loop: AbstractEventLoop) -> Newcomer:
        """Return what counts the request answered within it, in `loop`, while it is young."""
        return Newcomer(self, loop)

    def add(self, newcomer: Newcomer) -> None:
        """Count a young request."""
        self._young.add(newcomer)
        self._none.clear()

    def forget(self, newcomer: Newcomer) -> None:
        """Count it no longer."""
        self._young.discard(newcomer)
        if not self._young:
            self._none.set()

    def rest(self, within_s: float = STEP_S) -> None:
        """Wait until there are no young requests, for so long at most."""
        self._none.wait(within_s)


class Newcomer:
    """One request; small, because there is one for each download, however long it takes."""

    __slots__ = ("_loop", "_newcomers")

    def __init__(self, newcomers: Newcomers, loop: AbstractEventLoop) -> None:
        self._newcomers = newcomers
        self._loop = loop

    def __enter__(self) -> None:
        self._newcomers.add(self)
        self._loop.call_later(YOUNG_S, self._newcomers.forget, self)

    def __exit__(self, *_raised: object) -> None:
        self._newcomers.forget(self)


NO_NEWCOMERS = Newcomers()
"""For work that gives way to nobody."""


class RestedLock:
    """A lock for steps of work, which give way to newcomers first while `is_heavy` returns True."""

    def __init__(self, newcomers: Newcomers, is_heavy: Callable[[], bool]) -> None:
        self._newcomers = newcomers
        self._is_heavy = is_heavy
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if self._is_heavy():
            self._newcomers.rest()
        self._lock.acquire()

    def __exit__(self, *raised: object) -> None:
        self._lock.release()
