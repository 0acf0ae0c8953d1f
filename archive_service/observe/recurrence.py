"""Reports things that recur once, or once in a while."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Hashable
from threading import Lock

from archive_service.archive.lru import WeightedLRU
from archive_service.observe.events import Event, Observe

_NOTED = 10_000
"""Events that `once` remembers; beyond that the least recently seen count as new again."""


def once(observe: Observe) -> Observe:
    """Return a function that reports the first of equal events; for calls from any thread."""
    lock = Lock()
    noted: WeightedLRU[Event, Event] = WeightedLRU(_NOTED)

    def observe_once(event: Event) -> None:
        with lock:
            is_new = noted.get(event) is None
            noted.put(event, event, weight=1)
        if is_new:
            observe(event)

    return observe_once


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
