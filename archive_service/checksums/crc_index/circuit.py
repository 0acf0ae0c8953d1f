"""A circuit breaker: after a failure a store is not asked for a growing pause."""

from __future__ import annotations

from archive_service.archive.backoff import backoff_s

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0


class Circuit:
    """While it is open the store is not asked.  Times are of a monotonic clock, seconds."""

    def __init__(self) -> None:
        self._failures = 0
        self._open_until_s = 0.0

    @property
    def is_broken(self) -> bool:
        """Whether the last attempt has failed."""
        return self._failures > 0

    def is_open(self, now_s: float) -> bool:
        """Return whether the pause after a failure still lasts."""
        return self.is_broken and now_s < self._open_until_s

    def failed(self, now_s: float) -> None:
        """Open the circuit, for twice as long as after the failure before."""
        self._failures += 1
        pause_s = backoff_s(self._failures, first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)
        self._open_until_s = now_s + pause_s

    def succeeded(self) -> None:
        """Close the circuit."""
        self._failures = 0
