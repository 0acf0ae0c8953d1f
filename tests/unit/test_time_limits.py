"""Time limits: what takes too long ends, and no cancellation is lost."""

from __future__ import annotations

import asyncio

import pytest

from archive_service.storage.time_limits import at_most

LONG_S = 120.0


def test_what_takes_too_long_is_a_time_out_and_the_task_goes_on() -> None:
    async def run() -> str:
        with pytest.raises(asyncio.TimeoutError), at_most(0.01):
            await asyncio.sleep(LONG_S)
        await asyncio.sleep(0)
        return "on"

    assert asyncio.run(run()) == "on"


def test_what_ends_in_time_is_left_alone() -> None:
    async def run() -> str:
        with at_most(LONG_S):
            await asyncio.sleep(0)
        return "done"

    assert asyncio.run(run()) == "done"


@pytest.mark.parametrize("is_late", [False, True])
def test_a_cancellation_by_another_ends_the_task(*, is_late: bool) -> None:
    async def work() -> None:
        with at_most(0.01 if is_late else LONG_S):
            await asyncio.sleep(LONG_S)

    async def run() -> None:
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        if is_late:  # both come together
            asyncio.get_running_loop().call_later(0.01, task.cancel)
        else:
            task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() or is_late

    asyncio.run(run())
