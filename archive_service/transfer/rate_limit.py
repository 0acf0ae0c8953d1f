"""A rate in bytes per second that downloads share evenly.

A sender takes bytes before it sends them, and waits until they are granted.  Waiting senders get a
small quantum each in turn, so they get equal shares whatever the size of their pieces.  A slower
sender takes less, and the others get the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_QUANTUM_S = 0.001
_LEAST_QUANTUM_BYTES, _MOST_QUANTUM_BYTES = 4 * 1024, 64 * 1024
"""Smaller ones are fairer, larger ones take fewer turns."""
_PIECE_S = 0.25
_LEAST_PIECE_BYTES = 16 * 1024
_SAVED_S = 0.1
"""How much of the unused rate is saved, for bursts and for a late event loop."""
_SHORTEST_SLEEP_S, _LONGEST_SLEEP_S = 0.002, 0.25
"""After the longest sleep the rate is read again, because it may have changed."""


@dataclass(slots=True)
class _Waiter:
    missing_bytes: float
    given: asyncio.Future[None]


class SharedRate:
    """A rate that may change; `bytes_per_s` returns its current value."""

    def __init__(
        self, bytes_per_s: Callable[[], float], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._sharers: Counter[Hashable] = Counter()
        self._waiting: OrderedDict[Hashable, deque[_Waiter]] = OrderedDict()
        self._saved_bytes = 0.0
        self._saved_at_s = clock()
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def shared(self, sharer: Hashable) -> Iterator[RateShare]:
        """Hold a share during a block; sharers with equal keys share one."""
        self._sharers[sharer] += 1
        try:
            yield RateShare(self, sharer)
        finally:
            self._sharers[sharer] -= 1
            if not self._sharers[sharer]:
                del self._sharers[sharer]

    def is_unused(self) -> bool:
        """Return whether there are no shares."""
        return not self._sharers

    def piece_bytes(self) -> int:
        """Return the best number of bytes to take at once."""
        share = self._bytes_per_s() / max(len(self._sharers), 1)
        return max(round(share * _PIECE_S), _LEAST_PIECE_BYTES)

    async def take(self, count: int, sharer: Hashable) -> None:
        """Wait until `count` bytes are granted to a sharer."""
        waiter = _Waiter(count, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(sharer, deque()).append(waiter)
        if self._timer is None:
            self._give()
        await waiter.given

    def _give(self) -> None:
        """Grant a quantum to each waiting sharer in turn, while the saved bytes last."""
        self._timer = None
        rate = max(self._bytes_per_s(), 1.0)
        quantum = min(max(rate * _QUANTUM_S, _LEAST_QUANTUM_BYTES), _MOST_QUANTUM_BYTES)
        self._save(rate, most_bytes=max(rate * _SAVED_S, quantum))
        while self._waiting:
            sharer, waiters = next(iter(self._waiting.items()))
            given = waiters[0].given
            count = 0 if given.done() else min(waiters[0].missing_bytes, quantum)
            if count > self._saved_bytes:
                self._sleep((count - self._saved_bytes) / rate)
                return
            self._saved_bytes -= count
            waiters[0].missing_bytes -= count
            if not waiters[0].missing_bytes and not given.done():
                given.set_result(None)
            if given.done():  # granted, or cancelled by its waiter
                waiters.popleft()
            self._waiting.move_to_end(sharer)
            if not waiters:
                del self._waiting[sharer]

    def _save(self, rate: float, *, most_bytes: float) -> None:
        now_s = self._clock()
        saved_bytes = self._saved_bytes + rate * (now_s - self._saved_at_s)
        self._saved_bytes, self._saved_at_s = min(saved_bytes, most_bytes), now_s

    def _sleep(self, needed_s: float) -> None:
        sleep_s = min(max(needed_s, _SHORTEST_SLEEP_S), _LONGEST_SLEEP_S)
        self._timer = asyncio.get_running_loop().call_later(sleep_s, self._give)


@dataclass(frozen=True, slots=True)
class RateShare:
    """One sender's share of a rate."""

    rate: SharedRate
    sharer: Hashable

    def piece_bytes(self) -> int:
        """Return the best number of bytes to take at once."""
        return self.rate.piece_bytes()

    async def take(self, count: int) -> None:
        """Wait until `count` bytes are granted."""
        await self.rate.take(count, self.sharer)
