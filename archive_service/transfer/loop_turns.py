"""Shares the event loop among downloads at full speed.

The socket of a quick client has room nearly always.  So with several of them each turn of the loop
would send for all, and other visitors, whose answers take dozens of turns, would wait for all of
them each time.  Instead one of these downloads makes a step in each turn of the loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

_ALONE_S = 0.0005


class Turns(Protocol):
    """Says when a download may make a step."""

    def call(self, step: Callable[[], object]) -> None:
        """Call a step, now or in a later turn of the event loop."""

    def waiting(self) -> Awaitable[None] | None:
        """Return what to await before a step; None if it can be made now."""


class AtOnce:
    """Steps that wait for no other download."""

    def call(self, step: Callable[[], object]) -> None:
        """Call a step now."""
        step()

    def waiting(self) -> None:
        """Wait for nothing."""


AT_ONCE = AtOnce()


class LoopTurns:
    """Lets downloads make their steps in the order in which they ask; for one event loop."""

    def __init__(self, *, alone_s: float = _ALONE_S) -> None:
        """Let steps go on for `alone_s` seconds in one turn of the loop while none waits."""
        self._alone_s = alone_s
        self._due: deque[Callable[[], object]] = deque()
        self._is_taken = False
        """Whether a step was made in this turn of the loop."""
        self._free_until_s = 0.0

    def call(self, step: Callable[[], object]) -> None:
        """Call a step, now or in a later turn of the event loop; see `Turns.call`."""
        if self._is_free():
            step()
        else:
            self._due.append(step)

    def waiting(self) -> Awaitable[None] | None:
        """Return what to await before a step; see `Turns.waiting`."""
        if self._is_free():
            return None
        turn = asyncio.get_running_loop().create_future()
        self._due.append(lambda: _end(turn))
        return turn

    def _is_free(self) -> bool:
        """Return whether a step can be made now, and take this turn of the loop for it."""
        if self._due:
            return False
        if self._is_taken:
            return time.monotonic() < self._free_until_s
        self._take()
        return True

    def _take(self) -> None:
        self._is_taken = True
        self._free_until_s = time.monotonic() + self._alone_s
        asyncio.get_running_loop().call_soon(self._begin_next)

    def _begin_next(self) -> None:
        self._is_taken = False
        if self._due:
            self._take()
            self._due.popleft()()


def _end(turn: asyncio.Future[None]) -> None:
    if not turn.done():  # its download may have been given up
        turn.set_result(None)
