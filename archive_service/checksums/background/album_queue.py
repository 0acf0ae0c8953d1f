"""The order in which albums are indexed; no clock, no thread.

There are two queues.  Albums that have changed come first, once they have been still.  The others
follow, those that changed last in front: they are the likeliest to be asked for.  An album that
took its turn and is not complete goes behind those that had fewer turns.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from typing import NamedTuple

from archive_service.archive.backoff import backoff_s

_LONGEST_PAUSE_S = 60.0


class _Retry(NamedTuple):
    due_s: float
    tries: int


class AlbumQueue:
    """Which album is next, and when; times are those of a monotonic clock, seconds."""

    def __init__(self, settle_time_s: float) -> None:
        self._settle_time_s = settle_time_s
        # Each is due as long after its last change as any other, so they are in order.
        self._changed: OrderedDict[str, float] = OrderedDict()
        self._retries: dict[str, _Retry] = {}
        self._retry_order: list[tuple[float, str]] = []
        self._old: set[str] = set()
        self._old_order: list[tuple[int, int, str]] = []

    def __len__(self) -> int:
        return len(self._changed) + len(self._retries) + len(self._old)

    def __contains__(self, album: str) -> bool:
        return album in self._changed or album in self._retries or album in self._old

    def changed(self, album: str, *, clock_s: float) -> None:
        """Note a change: the album is due when it has been still from now on."""
        self._retries.pop(album, None)
        self._changed[album] = clock_s + self._settle_time_s
        self._changed.move_to_end(album)

    def unsettled(self, album: str, *, pause_s: float, tries: int, clock_s: float) -> None:
        """Note an album that was not still when its turn came.

        The pause grows with the tries: a large upload may last for hours, and the kernel reports
        its end.
        """
        if album in self._changed:
            return
        first_s = max(pause_s, self._settle_time_s)
        pause_s = backoff_s(tries + 1, first_s=first_s, longest_s=_LONGEST_PAUSE_S)
        self._retries[album] = _Retry(clock_s + pause_s, tries + 1)
        heapq.heappush(self._retry_order, (clock_s + pause_s, album))

    def found(self, album: str, *, changed_ns: int, turns: int = 0) -> None:
        """Note an album that is still incomplete after a number of turns."""
        if album not in self:
            self._old.add(album)
            heapq.heappush(self._old_order, (turns, -changed_ns, album))

    def next_changed(self, *, clock_s: float) -> tuple[str, int] | None:
        """Take an album that has changed and is due, and how often it was not still."""
        if self._changed:
            album, due_s = next(iter(self._changed.items()))
            if due_s <= clock_s:
                del self._changed[album]
                return album, 0
        self._drop_obsolete_retries()
        if self._retry_order and self._retry_order[0][0] <= clock_s:
            _, album = heapq.heappop(self._retry_order)
            return album, self._retries.pop(album).tries
        return None

    def next_old(self) -> tuple[str, int] | None:
        """Take one of the other albums, and how many turns it had."""
        if not self._old:
            return None
        turns, _, album = heapq.heappop(self._old_order)
        self._old.remove(album)
        return album, turns

    def due_s(self) -> float | None:
        """Return when an album that has changed will be due; None where there is none."""
        self._drop_obsolete_retries()
        dues = [due_s for due_s, _ in self._retry_order[:1]]
        if self._changed:
            dues.append(next(iter(self._changed.values())))
        return min(dues, default=None)

    def _drop_obsolete_retries(self) -> None:
        order = self._retry_order
        while order and self._retries.get(order[0][1], _NEVER).due_s != order[0][0]:
            heapq.heappop(order)


_NEVER = _Retry(float("inf"), 0)
