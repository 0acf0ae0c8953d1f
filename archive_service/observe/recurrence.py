"""Counts things that recur, so that each is reported once in a while."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Hashable


class Recurrences:
    """How often each thing came since it was reported last."""

    def __init__(self) -> None:
        self._unreported: Counter[Hashable] = Counter()
        self._next_report_s: dict[Hashable, float] = {}

    def due(self, thing: Hashable, *, every_s: float) -> int:
        """Count a thing; return how many to report, 0 if the last report is younger than that."""
        self._unreported[thing] += 1
        now_s = time.monotonic()
        if now_s < self._next_report_s.get(thing, 0.0):
            return 0
        self._next_report_s[thing] = now_s + every_s
        return self._unreported.pop(thing)
