"""A cache of bounded weight that evicts the least recently used values."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class WeightedLRU(Generic[Key, Value]):
    """Values by key; when there is no room, the least recently used are evicted.

    `room` and the weights of the values are in one unit of the caller's choice.
    """

    def __init__(self, room: int) -> None:
        self._room = self._free = room
        self._values: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Return a value and mark it as used."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: Key, value: Value, *, weight: int) -> None:
        """Store a value, replacing an earlier one; ignore a value heavier than all the room."""
        self.drop(key)
        if weight > self._room:
            return
        self._values[key] = (value, weight)
        self._free -= weight
        while self._free < 0:
            _, (_, freed) = self._values.popitem(last=False)
            self._free += freed

    def drop(self, key: Key) -> None:
        """Remove a value, if there is one."""
        self._free += self._values.pop(key, (None, 0))[1]
