"""Limits the work of a background thread.

It rests after each piece for as long as it has worked, which bounds its share of a processor and of
a slow disk; longer where bytes came from the disk.  Then it also makes way while a download needs
the disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from archive_service.storage.disk_demand import DiskDemand

COLD_BYTES_PER_S = 32 * 1024 * 1024
"""The most that is read from the disk."""
_WORK_S, _WORK_COLD_BYTES = 0.01, 1024 * 1024
"""The work after which the thread rests."""
LOOK_AGAIN_S = 0.1
"""Between two checks whether downloads need the disk."""


class Throttle:
    """The rests of one thread, from now on; none once `stopping` is set."""

    def __init__(
        self,
        demand: DiskDemand,
        stopping: threading.Event,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._demand = demand
        self._stopping = stopping
        self._clock_s = clock_s
        self._was_cold = False
        self._resume()

    def keep(self, *, cold_bytes: int) -> None:
        """Rest where it is time; `cold_bytes` were read from the disk."""
        self._cold_bytes += cold_bytes
        worked_s = self._clock_s() - self._resumed_s
        if worked_s < _WORK_S and self._cold_bytes < _WORK_COLD_BYTES:
            return
        self._stopping.wait(max(worked_s, self._cold_bytes / COLD_BYTES_PER_S - worked_s))
        self._was_cold = self._cold_bytes > 0
        self._resume()

    def makes_way(self) -> bool:
        """Return whether a download needs the disk that was just read."""
        makes_way = self._was_cold and self._demand.is_recent()
        if makes_way:
            self._resume()  # a pause is no work
        return makes_way

    def _resume(self) -> None:
        self._resumed_s = self._clock_s()
        self._cold_bytes = 0
