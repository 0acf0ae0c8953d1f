"""Threads that the event loop has work done in."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from harness.conditions import eventually

from archive_service.threads import Threads

MOST = 2


@contextmanager
def threads() -> Iterator[Threads]:
    made = Threads(MOST, "test")
    try:
        yield made
    finally:
        made.close()


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("test_")}


def test_work_is_done_in_a_thread_and_its_outcome_returned() -> None:
    async def visit(made: Threads) -> str:
        return await made.run(lambda: threading.current_thread().name)

    with threads() as made:
        assert asyncio.run(visit(made)) == "test_0"


def test_an_exception_is_raised_where_it_is_waited_for() -> None:
    def fail() -> None:
        raise OSError("disk")

    async def visit(made: Threads) -> None:
        with pytest.raises(OSError, match="disk"):
            await made.run(fail)
        assert await made.run(lambda: 1) == 1  # the thread is still there

    with threads() as made:
        asyncio.run(visit(made))


def test_there_are_as_many_threads_as_are_needed_at_once_and_no_more_than_allowed() -> None:
    async def visit(made: Threads) -> None:
        for _ in range(3):
            await made.run(lambda: None)
        assert names() == {"test_0"}
        gate = threading.Event()
        waiting = [made.run(gate.wait) for _ in range(MOST + 1)]
        assert names() == {"test_0", "test_1"}
        gate.set()
        assert await asyncio.gather(*waiting) == [True] * (MOST + 1)

    with threads() as made:
        asyncio.run(visit(made))


def test_what_is_cancelled_before_its_turn_is_not_done() -> None:
    done: list[int] = []

    async def visit(made: Threads) -> None:
        gate = threading.Event()
        waiting = [made.run(gate.wait) for _ in range(MOST)]
        made.run(lambda: done.append(1)).cancel()
        gate.set()
        await asyncio.gather(*waiting)
        await made.run(lambda: done.append(2))

    with threads() as made:
        asyncio.run(visit(made))
    assert done == [2]


def test_closing_waits_for_what_has_begun_and_cancels_the_rest() -> None:
    async def visit(made: Threads) -> None:
        begun, gate = threading.Barrier(MOST + 1), threading.Event()
        first = [made.run(lambda: (begun.wait(), gate.wait())[1]) for _ in range(MOST)]
        begun.wait()
        last = made.run(gate.wait)
        closing = asyncio.ensure_future(asyncio.to_thread(made.close))
        with pytest.raises(asyncio.CancelledError):
            await last
        assert not closing.done()
        gate.set()
        await closing
        assert await asyncio.gather(*first) == [True] * MOST
        assert not names()

    asyncio.run(visit(Threads(MOST, "test")))


def test_an_idle_thread_holds_nothing_of_what_it_has_done() -> None:
    class Held:
        pass

    async def visit(made: Threads) -> weakref.ref[Held]:
        return weakref.ref(await made.run(Held))

    with threads() as made:
        held = asyncio.run(visit(made))
        eventually(lambda: held() is None)
