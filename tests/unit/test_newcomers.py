"""Heavy work gives way to young requests, and gets its share."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from archive_service.storage.newcomers import (
    HEAVY_S,
    STEP_S,
    Newcomers,
    RestedLock,
)
from archive_service.storage.thread_lanes import LaneLimits, Lanes
from archive_service.storage.thread_progress import Progress, note_progress
from archive_service.transfer.loop_turns import LoopTurns

_TIMEOUT_S = 30.0
_AGES_S = 3600.0
"""Longer than any test: what rests so long waits for the newcomer to be answered."""


class Present(Newcomers):
    """Newcomers of whom one is always there; notes how long work would rest."""

    def __init__(self) -> None:
        super().__init__()
        self.rests_s: list[float] = []

    @property
    def are_there(self) -> bool:
        """Return True."""
        return True

    def rest(self, within_s: float = STEP_S) -> None:
        """Note a rest."""
        self.rests_s.append(within_s)


def computed(seconds: float, newcomers: Newcomers) -> Progress:
    """Return work that has computed for so long."""
    return Progress("a", 0.0, 0.0, newcomers, time.thread_time() - seconds)


def compute(seconds: float) -> None:
    until_s = time.thread_time() + seconds
    while time.thread_time() < until_s:
        pass


@contextmanager
def lanes_beside(newcomers: Newcomers) -> Iterator[Lanes]:
    lanes = Lanes("test", LaneLimits(1, 1, 1), newcomers=newcomers)
    try:
        yield lanes
    finally:
        lanes.close()


def test_a_request_is_a_newcomer_until_it_is_answered() -> None:
    async def run() -> None:
        newcomers = Newcomers()
        with newcomers.coming(asyncio.get_running_loop()):
            with newcomers.coming(asyncio.get_running_loop()):
                assert newcomers.are_there
            assert newcomers.are_there
        assert not newcomers.are_there

    asyncio.run(run())


def test_a_request_that_takes_long_is_no_newcomer() -> None:
    async def run() -> None:
        newcomers = Newcomers()
        with newcomers.coming(asyncio.get_running_loop()):
            await asyncio.to_thread(newcomers.rest, _AGES_S)
            assert not newcomers.are_there
        assert not newcomers.are_there

    asyncio.run(run())


def test_heavy_work_waits_until_the_newcomer_is_answered() -> None:
    async def run() -> None:
        newcomers = Newcomers()
        with newcomers.coming(asyncio.get_running_loop()):
            resting = threading.Thread(target=partial(newcomers.rest, _AGES_S))
            resting.start()
            assert resting.is_alive()
        await asyncio.to_thread(resting.join, _TIMEOUT_S)
        assert not resting.is_alive()

    asyncio.run(run())


def test_work_that_has_computed_little_does_not_rest() -> None:
    newcomers = Present()
    computed(0.0, newcomers).give_way()
    assert newcomers.rests_s == []


def test_work_rests_no_longer_than_it_has_computed() -> None:
    newcomers = Present()
    work = computed(HEAVY_S, newcomers)
    work.give_way()
    work.give_way()
    assert len(newcomers.rests_s) == 1
    compute(STEP_S)
    work.give_way()
    first_s, second_s = newcomers.rests_s
    assert HEAVY_S <= first_s < _TIMEOUT_S
    assert STEP_S <= second_s < _TIMEOUT_S


def test_work_rests_only_beside_newcomers() -> None:
    newcomers = Newcomers()
    newcomers.note_connection()
    work = computed(_AGES_S, newcomers)
    work.give_way()
    assert not work.is_heavy


@pytest.mark.parametrize("seconds", [0.0, 2 * HEAVY_S])
def test_what_runs_in_a_lane_rests_when_it_is_heavy(seconds: float) -> None:
    newcomers = Present()

    def work() -> None:
        compute(seconds)
        note_progress()

    with lanes_beside(newcomers) as lanes:
        lanes.of("a").submit(work).result(_TIMEOUT_S)
    assert len(newcomers.rests_s) == (1 if seconds else 0)


@pytest.mark.parametrize("is_heavy", [True, False])
def test_a_lock_for_heavy_steps_gives_way_before_it_is_taken(*, is_heavy: bool) -> None:
    newcomers = Present()
    lock = RestedLock(newcomers, lambda: is_heavy)
    for _ in range(2):
        with lock:
            pass
    assert newcomers.rests_s == ([STEP_S, STEP_S] if is_heavy else [])


def test_downloads_make_fewer_steps_beside_newcomers() -> None:
    async def run() -> None:
        newcomers, made = Newcomers(), list[int]()
        turns = LoopTurns(newcomers, alone_s=0, apart_s=_AGES_S)
        with newcomers.coming(asyncio.get_running_loop()):
            turns.put_off(partial(made.append, 1))
            for _ in range(10):
                await asyncio.sleep(0)
        assert made == []

    asyncio.run(run())


def test_a_download_alone_gives_way_sooner_beside_newcomers() -> None:
    async def run() -> None:
        newcomers = Newcomers()
        turns = LoopTurns(newcomers, alone_s=_AGES_S)
        turns.join()
        with newcomers.coming(asyncio.get_running_loop()):
            turns.note_wait()
        deadline_s = time.monotonic() + _TIMEOUT_S
        while turns.take():
            assert time.monotonic() < deadline_s

    asyncio.run(run())


def test_downloads_make_their_steps_beside_newcomers_too() -> None:
    async def run() -> None:
        newcomers, made, is_done = Newcomers(), list[int](), asyncio.Event()
        turns = LoopTurns(newcomers, alone_s=0)
        with newcomers.coming(asyncio.get_running_loop()):
            for number in range(3):
                turns.put_off(partial(made.append, number))
            turns.put_off(is_done.set)
            await asyncio.wait_for(is_done.wait(), _TIMEOUT_S)
        assert made == [0, 1, 2]

    asyncio.run(run())
