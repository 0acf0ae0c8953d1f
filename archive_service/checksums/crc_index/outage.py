"""What is told of a store that fails: the beginning of an outage and its end, and that it lasts.

A store that comes and goes is told of once a minute; one that stays away every half hour, so that
an alert which looks at the last hour goes on until it is back.
"""

from __future__ import annotations

TELL_EVERY_S, REMIND_EVERY_S = 60.0, 1800.0


class Outage:
    """The outages of one store; times are of a monotonic clock, seconds."""

    def __init__(self) -> None:
        self._is_told = False
        self._told_s: float | None = None

    def goes_on(self, now_s: float) -> bool:
        """Note a failure; return whether to tell it."""
        pause_s = REMIND_EVERY_S if self._is_told else TELL_EVERY_S
        if self._told_s is not None and now_s - self._told_s < pause_s:
            return False
        self._is_told, self._told_s = True, now_s
        return True

    def is_over(self) -> bool:
        """Note that all is well; return whether to tell that."""
        was_told, self._is_told = self._is_told, False
        return was_told
