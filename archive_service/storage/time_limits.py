"""Time limits for awaitables, and for blocking calls that may hang.

`asyncio.wait_for` before Python 3.12 loses a cancellation that comes together with the result;
`async_timeout` on Python 3.10 loses one that comes together with its time-out.  The cancelled task
then continues, and a caller that waits for its end waits for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent import futures
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import TypeVar, cast

_Result = TypeVar("_Result")


def within(seconds: float, work: Callable[[], _Result]) -> _Result:
    """Do work in a thread of its own and return its result, or raise what it raises.

    Raise TimeoutError if it does not end in time; the thread continues.
    """
    done: Future[_Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised for the caller
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return done.result(seconds)
    except futures.TimeoutError:  # not the built-in one before Python 3.11
        raise TimeoutError from None


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


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Cancel what the block awaits where that takes longer, and raise asyncio.TimeoutError.

    Unlike `ended_within` it needs no task, so the block's result comes without delay.
    """
    task = cast("asyncio.Task[object]", asyncio.current_task())
    ours = object()
    timer = asyncio.get_running_loop().call_later(seconds, task.cancel, ours)
    try:
        yield
    except asyncio.CancelledError as error:
        if error.args != (ours,) or _is_cancelled_again(task):
            raise  # by another
        raise asyncio.TimeoutError from None
    finally:
        timer.cancel()


def _is_cancelled_again(task: asyncio.Task[object]) -> bool:
    """Take one cancellation back; return whether another is left (Python 3.11)."""
    uncancel: Callable[[], int] | None = getattr(task, "uncancel", None)
    return bool(uncancel and uncancel())
