"""Who asks for links that don't exist, and how often: the sign of somebody who guesses.

Failed lookups are counted over a sliding minute: those of this minute by the clock, and of the
minute before as large a part as the sliding one still has of it.  Each process counts in its own
region;
the sum of all decides.  A region is a table with a few places for each client; where they are all
taken the client goes whose last miss was longest ago, or who has fewest.  So memory is bounded, and
who has addresses without number drives out those who have missed once or twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from struct import Struct

from archive_service.web.limits.shared_memory import SharedRecords

WINDOW_S = 60
REFUSED_FROM = 3
"""A client is refused when it has missed so many times the limit."""
DELAY_PER_MISS_S, MOST_DELAY_S = 0.1, 2.0
_BUCKETS, _PLACES = 1024, 8
_HEAD = Struct("I")  # until when anybody is refused
_RECORD = Struct("16sIIII")  # client, minute, misses in it, misses in the one before, refused until


def failed_lookup_records(processes: int) -> SharedRecords:
    """Make the shared memory."""
    return SharedRecords(processes, head=_HEAD, record=_RECORD, records=_BUCKETS * _PLACES)


@dataclass(frozen=True, slots=True)
class _Record:
    client: bytes
    minute: int
    misses: int = 0
    misses_before: int = 0
    refused_until_s: int = 0

    def at(self, now_s: float) -> _Record:
        """Return what is left of it now."""
        minute = int(now_s // WINDOW_S)
        if minute == self.minute:
            return self
        before = self.misses if minute == self.minute + 1 else 0
        return _Record(self.client, minute, 0, before, self.refused_until_s)

    def misses_lately(self, now_s: float) -> float:
        """Return the misses of the sliding minute."""
        part_before = 1 - now_s % WINDOW_S / WINDOW_S
        return self.misses + self.misses_before * part_before


class FailedLookups:
    """The misses of all clients, as one process sees and adds to them.

    From `limit` misses in a minute on, a client waits for each further answer of that kind; at
    REFUSED_FROM times as many it is refused for `refused_s` seconds, where it may be.
    All times are of a clock that never goes back, and the same in all processes.
    """

    def __init__(
        self, regions: SharedRecords, number: int, *, limit: int, refused_s: float
    ) -> None:
        self._regions = regions
        self._number = number
        self._limit = limit
        self._refused_s = refused_s

    def add(self, client: bytes, now_s: float, *, may_be_refused: bool) -> float:
        """Count a miss; return how long its answer is to wait, seconds."""
        index, record = self._own_place(client, now_s)
        record = replace(record, misses=record.misses + 1)
        self._write(index, record)
        misses = sum(each.misses_lately(now_s) for each in self._records(client, now_s))
        if may_be_refused and misses >= REFUSED_FROM * self._limit:
            until_s = math.ceil(now_s + self._refused_s)
            self._write(index, replace(record, refused_until_s=until_s))
            [latest_s] = self._regions.head(self._number)
            self._regions.set_head(self._number, max(until_s, latest_s))
        return min(max(misses - self._limit, 0) * DELAY_PER_MISS_S, MOST_DELAY_S)

    def refuse_somebody(self, now_s: float) -> bool:
        """Tell whether any client is refused, which is seldom so."""
        return any(self._regions.head(number)[0] > now_s for number in self._regions.numbers)

    def refused_for_s(self, client: bytes, now_s: float) -> float:
        """Return for how long a client is refused yet, seconds; 0 where it is not."""
        refused = (each.refused_until_s - now_s for each in self._records(client, now_s))
        return max(0, *refused, 0)

    def _records(self, client: bytes, now_s: float) -> Iterator[_Record]:
        """Yield what all processes have recorded of a client."""
        for number in self._regions.numbers:
            for index in _places(client):
                fields = self._regions.record(number, index)
                if fields[0] == client:
                    yield _Record(*fields).at(now_s)

    def _own_place(self, client: bytes, now_s: float) -> tuple[int, _Record]:
        """Return where this process records a client, and what it has recorded so far."""
        places = {index: self._regions.record(self._number, index) for index in _places(client)}
        for index, fields in places.items():
            if fields[0] == client:
                return index, _Record(*fields).at(now_s)

        def worth(index: int) -> tuple[bool, int, int]:
            _, minute, misses, _, refused_until_s = places[index]
            return refused_until_s > now_s, minute, misses

        return min(places, key=worth), _Record(client, int(now_s // WINDOW_S))

    def _write(self, index: int, record: _Record) -> None:
        self._regions.set_record(self._number, index, *astuple(record))


def _places(client: bytes) -> range:
    """Return the places that a client may have; the same in all processes, as they are forked."""
    first = hash(client) % _BUCKETS * _PLACES
    return range(first, first + _PLACES)
