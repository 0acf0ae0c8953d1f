"""Memory that several processes share without a lock: each writes only its own region.

All of them read all regions.  A read during a write may return half of a record, so records must be
harmless when torn.  Write, then read: of two concurrent writers at least one sees the other.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from struct import Struct
from typing import Any

_NO_HEAD = Struct("")


class SharedRecords:
    """A head and records for each of the processes to be forked, all zero at first.

    A record starts with its key.  Pages that were never written take no memory.
    """

    def __init__(
        self, processes: int, *, record: Struct, records: int, head: Struct = _NO_HEAD
    ) -> None:
        self.numbers = range(processes)
        self.records = records
        self._head, self._record = head, record
        self._region_bytes = head.size + record.size * records
        self._memory = mmap.mmap(-1, self._region_bytes * processes)

    def clear(self, number: int) -> None:
        """Zero the region of a process that has ended."""
        start = self._region_bytes * number
        self._memory[start : start + self._region_bytes] = bytes(self._region_bytes)

    def head(self, number: int) -> tuple[int, ...]:
        """Return the numbers in the head of a region."""
        return self._head.unpack_from(self._memory, self._region_bytes * number)

    def set_head(self, number: int, *numbers: int) -> None:
        """Write the head of a region."""
        self._head.pack_into(self._memory, self._region_bytes * number, *numbers)

    def record(self, number: int, index: int) -> tuple[Any, ...]:
        """Return the fields of a record."""
        return self._record.unpack_from(self._memory, self._offset(number, index))

    def set_record(self, number: int, index: int, *fields: object) -> None:
        """Write a record."""
        self._record.pack_into(self._memory, self._offset(number, index), *fields)

    def find(self, key: bytes, number: int, places: range) -> Iterator[int]:
        """Yield those of the indexes in a row at which a region has a record with a key."""
        first, size = self._offset(number, 0), self._record.size
        position, stop = first + size * places.start, first + size * places.stop
        while (position := self._memory.find(key, position, stop)) >= 0:
            index, behind = divmod(position - first, size)
            if not behind:
                yield index
            position += 1

    def _offset(self, number: int, index: int) -> int:
        return self._region_bytes * number + self._head.size + self._record.size * index
