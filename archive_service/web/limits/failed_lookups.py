"""Counts each client's requests for missing archives, the sign of guessing.

Failed lookups are counted over a sliding minute: those of the current clock minute, and the share
of the minute before that the sliding one still covers.  Each process counts in its own region of
shared memory, and the sum of all decides.  A region is a table with a few places for each client.
When they are full, the client whose last failure is oldest is evicted, and among equals the one
with fewest.  So memory is bounded, and an attacker with many addresses evicts clients with few
failures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from struct import Struct

from archive_service.web.limits.shared_memory import SharedRecords

WINDOW_S = 60
REFUSED_FROM = 3
"""A client is refused at this many times the limit."""
DELAY_PER_FAILURE_S, MOST_DELAY_S = 0.1, 2.0
_BUCKETS, _PLACES = 1024, 8
_RECORD = Struct("16sIIII")  # client, minute, failures in it and in the one before, refused until


def failed_lookup_records(processes: int) -> SharedRecords:
    """Allocate the shared memory."""
    return SharedRecords(processes, record=_RECORD, records=_BUCKETS * _PLACES)


@dataclass(frozen=True, slots=True)
class _Record:
    client: bytes
    minute: int
    failures: int = 0
    failures_before: int = 0
    refused_until_s: int = 0

    def at(self, now_s: float) -> _Record:
        """Return the record moved on to the current minute."""
        minute = int(now_s // WINDOW_S)
        if minute == self.minute:
            return self
        before = self.failures if minute == self.minute + 1 else 0
        return _Record(self.client, minute, 0, before, self.refused_until_s)

    def failures_lately(self, now_s: float) -> float:
        """Return the failures of the sliding minute."""
        part_before = 1 - now_s % WINDOW_S / WINDOW_S
        return self.failures + self.failures_before * part_before


class FailedLookups:
    """The failed lookups of all processes; one process reads all and adds its own.

    After `limit` failures in a minute each further 404 is delayed.  At REFUSED_FROM times the limit
    `add_or_refuse` refuses the client for `refused_s` seconds.
    All times are of a monotonic clock that the processes share.
    """

    def __init__(self, shared: SharedRecords, number: int, *, limit: int, refused_s: float) -> None:
        self._shared = shared
        self._number = number
        self._limit = limit
        self._refused_s = refused_s

    def add(self, client: bytes, now_s: float) -> float:
        """Count a failed lookup; return the delay of its answer, seconds."""
        self._count(client, now_s)
        return self._delay_s(client, now_s)

    def add_or_refuse(self, client: bytes, now_s: float) -> float:
        """Do the same; refuse the client from now on if it has had too many."""
        index, record = self._count(client, now_s)
        if self._failures(client, now_s) >= REFUSED_FROM * self._limit:
            until_s = math.ceil(now_s + self._refused_s)
            self._write(index, replace(record, refused_until_s=until_s))
        return self._delay_s(client, now_s)

    def refused_for_s(self, client: bytes, now_s: float) -> float:
        """Return for how many seconds a client is still refused; 0 if it is not."""
        refused = (each.refused_until_s - now_s for each in self._records(client, now_s))
        return max(0, *refused, 0)

    def _count(self, client: bytes, now_s: float) -> tuple[int, _Record]:
        """Count one; return the index of the client's record and the record."""
        index, record = self._own_place(client, now_s)
        record = replace(record, failures=record.failures + 1)
        self._write(index, record)
        return index, record

    def _failures(self, client: bytes, now_s: float) -> float:
        return sum(each.failures_lately(now_s) for each in self._records(client, now_s))

    def _delay_s(self, client: bytes, now_s: float) -> float:
        excess = max(self._failures(client, now_s) - self._limit, 0)
        return min(excess * DELAY_PER_FAILURE_S, MOST_DELAY_S)

    def _records(self, client: bytes, now_s: float) -> Iterator[_Record]:
        """Yield the records of a client in all processes."""
        for number in self._shared.numbers:
            for index in self._shared.find(client, number, _places(client)):
                yield _Record(*self._shared.record(number, index)).at(now_s)

    def _own_place(self, client: bytes, now_s: float) -> tuple[int, _Record]:
        """Return the index and content of this process's record of a client, new or old."""
        for index in self._shared.find(client, self._number, _places(client)):
            return index, _Record(*self._shared.record(self._number, index)).at(now_s)
        places = {index: self._shared.record(self._number, index) for index in _places(client)}

        def worth(index: int) -> tuple[bool, int, int]:
            _, minute, failures, _, refused_until_s = places[index]
            return refused_until_s > now_s, minute, failures

        return min(places, key=worth), _Record(client, int(now_s // WINDOW_S))

    def _write(self, index: int, record: _Record) -> None:
        self._shared.set_record(self._number, index, *astuple(record))


def _places(client: bytes) -> range:
    """Return the indexes of a client's bucket; forked processes share the seed of `hash`."""
    first = hash(client) % _BUCKETS * _PLACES
    return range(first, first + _PLACES)
