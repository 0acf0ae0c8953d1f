"""Shares the event loop among downloads at full speed.

The socket of a quick client nearly always has room.  So with several of them each turn of the loop
would send for all, and other visitors, whose answers take dozens of turns, would wait for all of
them each time.  Instead one of these downloads makes a step in each turn of the loop.  A second may
step in the same turn: one that waited for the turn before, because its task continues in the next.

A download alone takes no turns: a call in each of them would cost a twentieth of its time.
It gives way only if it goes on without waiting for its client.

While there are newcomers, there is a pause between two steps: their answers take dozens of turns,
and turns without a step are short.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from archive_service.storage.newcomers import NO_NEWCOMERS, Newcomers

_ALONE_S = 0.002
_BESIDE_NEWCOMERS_S = 0.0005
"""How long the steps of one turn go on: an answer that takes a dozen turns is hardly late."""
_APART_S = 0.001
"""The pause between two steps while there are newcomers."""


class Turns(Protocol):
    """Says when a download may make a step."""

    def take(self) -> bool:
        """Take this turn of the event loop unless others come first; return whether it is taken."""

    def put_off(self, step: Callable[[], object]) -> None:
        """Have a step made in a later turn, behind those that were put off before."""

    def note_wait(self) -> None:
        """Note that the download has waited for its client, so the loop has turned since."""


class AtOnce:
    """Steps that wait for no other download."""

    def take(self) -> bool:
        """Return True."""
        return True

    def put_off(self, step: Callable[[], object]) -> None:
        """Make a step now."""
        step()

    def note_wait(self) -> None:
        """Do nothing."""


AT_ONCE = AtOnce()


class LoopTurns:
    """Lets downloads make their steps in the order in which they ask; for one event loop."""

    def __init__(
        self,
        newcomers: Newcomers = NO_NEWCOMERS,
        *,
        alone_s: float = _ALONE_S,
        apart_s: float = _APART_S,
    ) -> None:
        """Let steps go on for `alone_s` seconds in one turn of the loop while none waits.

        While there are newcomers, let them go on for a shorter time, and begin them `apart_s`
        seconds apart.
        """
        self._newcomers = newcomers
        self._alone_s, self._apart_s = alone_s, apart_s
        self._downloads = 0
        self._due: deque[Callable[[], object]] = deque()
        self._is_taken = False
        """Whether a step was made in this turn of the loop."""
        self._free_until_s = 0.0

    def has_downloads(self) -> bool:
        """Return whether there are downloads at full speed that have come far."""
        return self._downloads > 0

    def join(self) -> None:
        """Add a download that takes turns until `leave`."""
        self._downloads += 1

    def leave(self) -> None:
        """Remove a download."""
        self._downloads -= 1

    def take(self) -> bool:
        """Take this turn of the event loop unless others come first; see `Turns.take`."""
        if self._due:
            return False
        if self._is_taken or self._downloads < 2:
            return time.monotonic() < self._free_until_s
        self._begin()
        return True

    def note_wait(self) -> None:
        """Let a single download continue; see `Turns.note_wait`."""
        if not self._is_taken:
            self._be_free()

    def put_off(self, step: Callable[[], object]) -> None:
        """Have a step made in a later turn; see `Turns.put_off`."""
        self._due.append(step)
        if not self._is_taken:
            self._begin()

    def _begin(self) -> None:
        self._is_taken = True
        self._be_free()
        loop = asyncio.get_running_loop()
        if self._newcomers.are_coming:
            loop.call_later(self._apart_s, self._begin_next)
        else:
            loop.call_soon(self._begin_next)

    def _be_free(self) -> None:
        alone_s = self._alone_s
        if self._newcomers.are_coming:
            alone_s = min(alone_s, _BESIDE_NEWCOMERS_S)
        self._free_until_s = time.monotonic() + alone_s

    def _begin_next(self) -> None:
        self._is_taken = False
        if self._due:
            self._begin()
            self._due.popleft()()


async def later_turn(turns: Turns) -> None:
    """Wait for a later turn, behind the steps that were put off before."""
    turn = asyncio.get_running_loop().create_future()
    turns.put_off(partial(_end, turn))
    await turn


def _end(turn: asyncio.Future[None]) -> None:
    if not turn.done():  # its download may have been given up
        turn.set_result(None)
