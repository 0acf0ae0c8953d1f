"""Whether downloads need the disk, so that what is not urgent can wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

QUIET_S = 0.5
"""After the last need, for the next piece of the same download may be as cold."""


class DiskDemand:
    """What downloads need of the disk; told and asked from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._served = 0
        self._noted_s = float("-inf")

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count what runs in the block as a need."""
        with self._lock:
            self._served += 1
        try:
            yield
        finally:
            with self._lock:
                self._served -= 1
                self._noted_s = time.monotonic()

    def is_recent(self) -> bool:
        """Tell whether there is a need, or was one a moment ago."""
        return self._served > 0 or time.monotonic() - self._noted_s < QUIET_S
