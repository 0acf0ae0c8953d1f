"""Downloads that are cut because their clients take too little while others want the slots.

A client that takes nothing is cut by `transfer/stall_watchdog.py`.  One that takes a few bytes now
and then is not, and a handful of such clients could hold all slots.  So while more than nine tenths
of the slots are taken, the slowest downloads below the least rate are cut, until nine tenths are
left.  While slots are free, no download is cut.

The rate counts the bytes that the client has acknowledged, over a window in which data waited for
it all the time.  So a download that waits for the service (a disk, a hash, its share of a rate) is
never slow.  If the system does not report acknowledged bytes (TCP_INFO), no download is cut.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext

from archive_service.transfer.response_transfer import Transfer
from archive_service.web.limits.download_slots import Slots

WINDOW_S = 60.0
"""The least time over which a rate is averaged."""
_LOOKS_PER_WINDOW = 6


class SlowDownloads:
    """The downloads of one process, and which of them are slow."""

    def __init__(self, slots: Slots, *, least_bytes_per_s: int, window_s: float) -> None:
        self._slots = slots
        self._least_bytes_per_s = least_bytes_per_s
        self._window_s = window_s
        self._rates: dict[Transfer, _Rate] = {}
        self._next_look: asyncio.TimerHandle | None = None

    def watched(self, transfer: Transfer) -> AbstractContextManager[None]:
        """Watch a download that has a slot from now on until the end of a block."""
        if not self._least_bytes_per_s:
            return nullcontext()
        self._rates[transfer] = _Rate(self._window_s)
        if self._next_look is None:
            self._look_later()
        return _Watched(self._rates, transfer)

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._next_look = loop.call_later(self._window_s / _LOOKS_PER_WINDOW, self._look)

    def _look(self) -> None:
        self._next_look = None
        if not self._rates:
            return
        self._look_later()
        if not self._slots.are_half_taken():  # too early to measure
            for rate in self._rates.values():
                rate.forget()
            return
        now_s = asyncio.get_running_loop().time()
        for transfer, rate in self._rates.items():
            rate.add(now_s, transfer.acknowledged_bytes())
        for transfer in self._slowest()[: self._slots.own_excess()]:
            transfer.cut_slow()

    def _slowest(self) -> list[Transfer]:
        """Return the downloads below the least rate, the slowest first."""
        measured = ((rate.bytes_per_s(), transfer) for transfer, rate in self._rates.items())
        slow = [
            (bytes_per_s, transfer)
            for bytes_per_s, transfer in measured
            if bytes_per_s is not None and bytes_per_s < self._least_bytes_per_s
        ]
        return [transfer for _, transfer in sorted(slow, key=lambda each: each[0])]


class _Watched:
    """A download that is watched until the end of a block."""

    __slots__ = ("_rates", "_transfer")

    def __init__(self, rates: dict[Transfer, _Rate], transfer: Transfer) -> None:
        self._rates = rates
        self._transfer = transfer

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_raised: object) -> None:
        del self._rates[self._transfer]


class _Rate:
    """The rate at which a client takes the data that waits for it."""

    __slots__ = ("_samples", "_window_s")

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._samples: list[tuple[float, int]] = []
        """Times, and the bytes acknowledged by then; the first is at most a window old.  Not a
        deque, which takes 0.7 KB for each of thousands of slow clients."""

    def forget(self) -> None:
        """Start a new window."""
        self._samples.clear()

    def add(self, now_s: float, acknowledged_bytes: int | None) -> None:
        """Add a sample; None if no data waits for the client."""
        if acknowledged_bytes is None:
            self.forget()
            return
        self._samples.append((now_s, acknowledged_bytes))
        while len(self._samples) > 1 and self._samples[1][0] <= now_s - self._window_s:
            del self._samples[0]

    def bytes_per_s(self) -> float | None:
        """Return the average over a whole window; None until there is one."""
        if not self._samples:
            return None
        (first_s, first_bytes), (last_s, last_bytes) = self._samples[0], self._samples[-1]
        if last_s - first_s < self._window_s:
            return None
        return (last_bytes - first_bytes) / (last_s - first_s)
