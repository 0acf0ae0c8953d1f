"""Reports things that recur once, or once in a while."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass
from threading import Lock

from archive_service.archive.lru import WeightedLRU
from archive_service.observe.events import Event, Observe

MOST_REMEMBERED = 10_000
"""Beyond that the least recently seen count as new again."""


def once(observe: Observe) -> Observe:
    """Return a function that reports the first of equal events; for calls from any thread."""
    lock = Lock()
    noted: WeightedLRU[Event, Event] = WeightedLRU(MOST_REMEMBERED)

    def observe_once(event: Event) -> None:
        with lock:
            is_new = noted.get(event) is None
            noted.put(event, event, weight=1)
        if is_new:
            observe(event)

    return observe_once


class Recurrences:
    """How often each thing came since it was reported last.

    The things that came last are remembered; one that was forgotten counts as new.
    """

    def __init__(self) -> None:
        self._seen: WeightedLRU[Hashable, _Seen] = WeightedLRU(MOST_REMEMBERED)

    def due(self, thing: Hashable, *, every_s: float) -> int:
        """Count a thing; return how many to report, 0 if the last report is younger than that."""
        now_s = time.monotonic()
        seen = self._seen.get(thing) or _Seen(now_s - every_s)
        seen.unreported += 1
        self._seen.put(thing, seen, weight=1)
        if now_s < seen.reported_s + every_s:
            return 0
        count, seen.unreported, seen.reported_s = seen.unreported, 0, now_s
        return count


@dataclass(slots=True)
class _Seen:
    """When a thing was reported last, and how often it came since."""

    reported_s: float
    unreported: int = 0
