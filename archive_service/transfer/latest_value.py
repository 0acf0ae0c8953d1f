"""Holds the last value for a moment."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

Value = TypeVar("Value")


class LatestValue(Generic[Value]):
    """Holds one value, until another comes or a time is over; for calls from one event loop."""

    def __init__(self, held_s: float) -> None:
        self._held_s = held_s
        self._value: Value | None = None
        self._dropping: asyncio.TimerHandle | None = None

    def hold(self, value: Value) -> None:
        """Hold a value instead of an earlier one; its time begins now."""
        if self._dropping:
            self._dropping.cancel()
        self._value = value
        self._dropping = asyncio.get_running_loop().call_later(self._held_s, self._drop)

    def _drop(self) -> None:
        self._value = self._dropping = None
