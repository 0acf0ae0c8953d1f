"""A shared rate: never more than that in all, and equal shares for those who wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import pytest
from harness.skipped_time import Clock, run_in_skipped_time

from archive_service.transfer.rate_limit import SharedRate

KIB = 1024
SAVED_S = 0.1
"""What is saved up at most, in seconds of the rate."""


def test_bytes_are_given_at_the_rate() -> None:
    async def take(clock: Clock) -> None:
        rate = SharedRate(lambda: 1_000_000, clock=clock)
        with rate.shared("a") as share:
            started_s = clock()
            for _ in range(10):
                await share.take(100_000)
            assert clock() - started_s > 1 - SAVED_S

    run_in_skipped_time(take)


def test_nothing_is_given_before_it_is_there() -> None:
    async def take(clock: Clock) -> None:
        rate = SharedRate(lambda: 1_000_000, clock=clock)
        with rate.shared("a") as share:
            started_s = clock()
            await share.take(500_000)
            assert clock() - started_s > 0.5 - SAVED_S

    run_in_skipped_time(take)


def test_an_idle_rate_is_not_saved_up_for_long() -> None:
    async def take(clock: Clock) -> None:
        rate = SharedRate(lambda: 1_000_000, clock=clock)
        await asyncio.sleep(2 * SAVED_S)
        started_s = clock()
        with rate.shared("a") as share:
            await share.take(500_000)
        assert clock() - started_s > 0.5 - SAVED_S

    run_in_skipped_time(take)


async def given_to(rate: SharedRate, takers: Iterable[tuple[str, int]]) -> Counter[str]:
    """Have takers take pieces of a size, on and on; return what each name got of 1.5 MB."""
    given: Counter[str] = Counter()
    enough = asyncio.Event()

    async def go_on(name: str, piece_bytes: int) -> None:
        with rate.shared(name) as share:
            while True:
                await share.take(piece_bytes)
                given[name] += piece_bytes
                if given.total() > 1_500_000:
                    enough.set()

    tasks = [asyncio.ensure_future(go_on(*each)) for each in takers]
    await enough.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return given


@pytest.mark.parametrize(
    "takers",
    [
        [("a", 16 * KIB), ("b", 64 * KIB), ("c", 8 * KIB)],
        [("one", 16 * KIB), *[("many", 16 * KIB)] * 8],  # several of one name have one share
    ],
)
def test_those_who_wait_get_equally_much(takers: list[tuple[str, int]]) -> None:
    async def take(clock: Clock) -> None:
        rate = SharedRate(lambda: 1_000_000, clock=clock)
        given = await given_to(rate, takers)
        assert max(given.values()) - min(given.values()) < 0.35 * max(given.values())
        assert rate.is_unused()

    run_in_skipped_time(take)


def test_what_a_slow_one_leaves_goes_to_the_others() -> None:
    async def take(clock: Clock) -> None:
        rate = SharedRate(lambda: 1_000_000, clock=clock)
        with rate.shared("slow") as slow, rate.shared("quick") as quick:
            await slow.take(KIB)  # and then nothing for a long time
            started_s = clock()
            for _ in range(40):
                await quick.take(25_000)
            # Half of the rate would take two seconds.
            assert clock() - started_s < 1.1

    run_in_skipped_time(take)


def test_who_leaves_while_waiting_holds_nobody_up() -> None:
    async def take(clock: Clock) -> None:
        rate = SharedRate(lambda: 1_000_000, clock=clock)
        with rate.shared("gone") as gone, rate.shared("here") as here:
            waiting = asyncio.ensure_future(gone.take(10**12))
            await asyncio.sleep(0.01)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
            await here.take(100_000)

    run_in_skipped_time(take)


def test_pieces_are_of_a_share_and_not_tiny() -> None:
    rate = SharedRate(lambda: 10_000_000)
    with rate.shared("a") as one:
        alone = one.piece_bytes()
        with rate.shared("b"):
            assert one.piece_bytes() == alone / 2
    assert 1_000_000 < alone < 10_000_000
    assert SharedRate(lambda: 1000).piece_bytes() == 16 * KIB


def test_a_rate_may_change_while_somebody_waits() -> None:
    async def take(clock: Clock) -> None:
        now = [1000.0]
        rate = SharedRate(lambda: now[0], clock=clock)
        with rate.shared("a") as share:
            waiting = asyncio.ensure_future(share.take(1_000_000))  # a quarter of an hour
            await asyncio.sleep(0.01)
            now[0] = 100_000_000.0
            await waiting

    run_in_skipped_time(take)
