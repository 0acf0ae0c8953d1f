"""Notes whether downloads need the disk, so that background work can wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

QUIET_S = 0.5
"""How long after its last use the disk still counts as needed, for a download's next piece."""


class DiskDemand:
    """Counts what downloads do on the disk; for calls from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._busy = 0
        self._noted_s = float("-inf")

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count the work of the block."""
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1
                self._noted_s = time.monotonic()

    def is_recent(self) -> bool:
        """Return whether a download uses the disk, or did so a moment ago."""
        return self._busy > 0 or time.monotonic() - self._noted_s < QUIET_S
