"""What was used last, as far as there is room for it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class WeightedLRU(Generic[Key, Value]):
    """Values by key; those not used for the longest time go when there is no room for all.

    `room` and the weights of the values are in one unit of the caller's choice.
    """

    def __init__(self, room: int) -> None:
        self._room = self._free = room
        self._values: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Return a value, and count that as a use."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key][0]

    def put(self, key: Key, value: Value, *, weight: int) -> None:
        """Keep a value in the place of an earlier one; one that alone is too heavy is not kept."""
        self._free += self._values.pop(key, (None, 0))[1]
        if weight > self._room:
            return
        self._values[key] = (value, weight)
        self._free -= weight
        while self._free < 0:
            _, (_, freed) = self._values.popitem(last=False)
            self._free += freed
