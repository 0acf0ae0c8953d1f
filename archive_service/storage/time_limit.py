"""A time limit for what is awaited.

`asyncio.wait_for` loses a cancellation that comes together with the result, before Python 3.12, and
so does `async_timeout` with one that comes together with its time-out, on Python 3.10.  A task that
is stopped then goes on, and whoever waits for its end waits for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

_Result = TypeVar("_Result")


async def ended_within(seconds: float | None, work: Awaitable[_Result]) -> _Result:
    """Return the result of work, or raise what it raises.

    Where it takes longer, cancel it, wait for its end and raise asyncio.TimeoutError.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    raise asyncio.TimeoutError
