"""Shares calls among callers that want the same result: one runs for each key, at most one follows.

Use it from one event loop; the calls themselves run in threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class _Call(Generic[Result]):
    """One call, and how many wait for its result."""

    done: asyncio.Future[Result]
    waiters: int = 0
    work: Future[Result] | None = None
    """None while the call follows another."""


class SharedCalls(Generic[Key, Result]):
    """Shares the results of calls; `begin` starts the call of a key in a thread.

    A call is not begun once its last waiter has left.  A call that was begun runs to its end.
    """

    def __init__(self, begin: Callable[[Key], Future[Result]]) -> None:
        self._begin = begin
        self._running: dict[Key, _Call[Result]] = {}
        self._following: dict[Key, _Call[Result]] = {}

    async def result(self, key: Key, *, within_s: float | None = None) -> Result:
        """Return the result of a call, which may be running already.

        Raise what the call raises, or asyncio.TimeoutError.
        """
        return await self._result(key, self._running.get(key), within_s)

    async def fresh_result(self, key: Key, *, within_s: float | None = None) -> Result:
        """Return the result of a call that begins after this one; raise as `result` does."""
        return await self._result(key, None, within_s)

    async def _result(self, key: Key, call: _Call[Result] | None, within_s: float | None) -> Result:
        call = call or self._following.get(key)
        if call is None:
            call = self._following[key] = _Call(asyncio.get_running_loop().create_future())
        call.waiters += 1
        try:
            if key not in self._running:
                self._begin_next(key)
            if not call.done.done():
                await asyncio.wait({call.done}, timeout=within_s)
            if not call.done.done():
                raise asyncio.TimeoutError
            return call.done.result()
        finally:
            call.waiters -= 1
            if not call.waiters:
                self._abandon(key, call)

    def _begin_next(self, key: Key) -> None:
        call = self._following.pop(key, None)
        if call is not None:
            self._running[key] = call
            call.work = self._begin(key)
            if call.work.done():
                self._end(key, call, call.work)
            else:
                asyncio.wrap_future(call.work).add_done_callback(partial(self._end, key, call))

    def _end(
        self, key: Key, call: _Call[Result], done: asyncio.Future[Result] | Future[Result]
    ) -> None:
        del self._running[key]
        if done.cancelled():
            call.done.cancel()
        elif error := done.exception():
            call.done.set_exception(error)
            call.done.exception()  # marks it as retrieved: all waiters may have left
        else:
            call.done.set_result(done.result())
        self._begin_next(key)

    def _abandon(self, key: Key, call: _Call[Result]) -> None:
        if self._following.get(key) is call:
            del self._following[key]
        elif call.work is not None:
            call.work.cancel()
