"""Memory that several processes share without a lock: a region for each, which it alone writes.

All of them read all regions.  Whoever reads while another writes may see half of a record, so
records are such that it does no harm.  Who must not overlook another writes before reading: of two
that do so at once, one at least sees the other.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from struct import Struct
from typing import Any


class SharedRecords:
    """A head and records for each of the processes that are to be forked, all zero at first.

    A record starts with its key.  Pages that nobody has written to take no memory.
    """

    def __init__(self, processes: int, *, head: Struct, record: Struct, records: int) -> None:
        self.numbers = range(processes)
        self.records = records
        self._head, self._record = head, record
        self._region_bytes = head.size + record.size * records
        self._memory = mmap.mmap(-1, self._region_bytes * processes)

    def clear(self, number: int) -> None:
        """Make a region all zero; for a process that has ended."""
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

    def find(self, key: bytes, number: int, *, below: int) -> Iterator[int]:
        """Yield which records of a region, of those numbered `below` a number, have a key."""
        first, size = self._offset(number, 0), self._record.size
        position, stop = first, self._offset(number, below)
        while (position := self._memory.find(key, position, stop)) >= 0:
            index, behind = divmod(position - first, size)
            if not behind:
                yield index
            position += 1

    def _offset(self, number: int, index: int) -> int:
        return self._region_bytes * number + self._head.size + self._record.size * index
