"""Decides which failures of a store are reported.

The beginning of an outage is reported, at most once a minute, and its end.  While it lasts it is
reported every half hour, so that an alert over the last hour persists.
"""

from __future__ import annotations

REPORT_EVERY_S, REMIND_EVERY_S = 60.0, 1800.0


class Outage:
    """The outages of one store; times are of a monotonic clock, seconds."""

    def __init__(self) -> None:
        self._is_reported = False
        self._reported_s: float | None = None

    def is_report_due(self, now_s: float) -> bool:
        """Record a failure; return whether to report it."""
        pause_s = REMIND_EVERY_S if self._is_reported else REPORT_EVERY_S
        if self._reported_s is not None and now_s - self._reported_s < pause_s:
            return False
        self._is_reported, self._reported_s = True, now_s
        return True

    def ends(self) -> bool:
        """Record that the store works; return whether to report the end of an outage."""
        was_reported, self._is_reported = self._is_reported, False
        return was_reported
