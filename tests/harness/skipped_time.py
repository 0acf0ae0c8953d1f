"""An event loop whose clock skips the time that it would wait: a rate is tested in no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

Clock = Callable[[], float]


class _SkippingSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # only an outside event can wake it
            return super().select(None)
        self.now_s += max(timeout, 0)
        return super().select(0)


def run_in_skipped_time(work: Callable[[Clock], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine function, which gets the clock, in seconds."""
    selector = _SkippingSelector()

    def clock() -> float:
        return selector.now_s

    loop = asyncio.SelectorEventLoop(selector)
    loop.time = clock  # type: ignore[method-assign]  # the loop has no other way to get one
    try:
        loop.run_until_complete(work(clock))
    finally:
        loop.close()
