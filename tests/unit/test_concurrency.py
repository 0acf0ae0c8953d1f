"""Operations in flight: one at a time where they are quick, many at once where they are slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from harness.pagecache import evict, read_from_disk

from archive_service.storage.concurrency import InFlight, InFlights
from archive_service.storage.lane_limits import LaneLimits
from archive_service.storage.thread_lanes import Lanes

_TIMEOUT_S = 120.0
_QUICK_S, _SLOW_S = 10e-6, 10e-3


class Clock:
    """A clock that advances by the time of each item."""

    def __init__(self, item_s: float) -> None:
        self.item_s = item_s
        self._now_s = 0.0

    def __call__(self) -> float:
        return self._now_s

    def do(self, start: int, stop: int) -> list[int]:
        self._now_s += (stop - start) * self.item_s
        return list(range(start, stop))


class NoThreads(Executor):
    """Threads that must not be asked."""

    def submit(self, fn: Callable[..., object], /, *args: object, **kwargs: object) -> Future[None]:
        raise AssertionError("a thread is asked to help")


class BusyThreads(Executor):
    """Threads that never begin anything."""

    def submit(self, fn: Callable[..., object], /, *args: object, **kwargs: object) -> Future[None]:
        return Future()


@pytest.fixture
def threads() -> Iterator[Executor]:
    lanes = Lanes("test", LaneLimits(per_lane=31, usual=31, most=31))
    yield lanes.of("album")
    lanes.close()


def made_slow(threads: Executor) -> InFlight:
    """Return what has seen slow items; from now on nothing more is measured."""
    clock = Clock(_SLOW_S)
    in_flight = InFlight(threads, clock)
    for _ in range(2):
        in_flight.measured(lambda: clock.do(0, 1))
    assert in_flight.is_slow
    return in_flight


def flat(slices: list[list[int]]) -> list[int]:
    return [item for one in slices for item in one]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 36, 37, 1000])
def test_quick_items_are_done_in_place(count: int) -> None:
    clock = Clock(_QUICK_S)
    in_flight = InFlight(NoThreads(), clock)
    assert flat(in_flight.in_slices(clock.do, count)) == list(range(count))
    assert not in_flight.is_slow


def test_quick_items_are_done_in_few_calls() -> None:
    clock = Clock(_QUICK_S)
    in_flight = InFlight(NoThreads(), clock)
    in_flight.in_slices(clock.do, 100)
    assert len(in_flight.in_slices(clock.do, 128)) == 1


def test_quick_items_are_not_done_ahead() -> None:
    done: list[int] = []
    results = InFlight(NoThreads()).in_order(done.append, range(3))
    with closing(results):
        next(results)
        assert done == [0]


def test_large_items_are_not_slow_for_being_copied() -> None:
    clock = Clock(2e-3)
    in_flight = InFlight(NoThreads(), clock)
    in_flight.in_slices(clock.do, 100, item_bytes=1_000_000)
    assert not in_flight.is_slow


def test_one_slow_slice_is_no_slow_storage() -> None:
    clock = Clock(_SLOW_S)
    in_flight = InFlight(NoThreads(), clock)
    in_flight.in_slices(clock.do, 1)
    clock.item_s = _QUICK_S
    in_flight.in_slices(clock.do, 1)
    clock.item_s = _SLOW_S
    in_flight.in_slices(clock.do, 1)
    assert not in_flight.is_slow


def test_slow_items_are_in_flight_at_once(threads: Executor) -> None:
    barrier = threading.Barrier(31)  # with one less it breaks
    waits = made_slow(threads).in_slices(lambda _start, _stop: barrier.wait(_TIMEOUT_S), 31)
    assert sorted(waits) == list(range(31))


def test_results_are_in_order(threads: Executor) -> None:
    results = made_slow(threads).in_slices(lambda start, stop: list(range(start, stop)), 1000)
    assert flat(results) == list(range(1000))


def test_the_first_failing_item_is_named(threads: Executor) -> None:
    later_failed = threading.Event()

    def work(item: int) -> int:
        if item == 2:
            assert later_failed.wait(_TIMEOUT_S)
            raise ValueError(item)
        if item > 2:
            later_failed.set()
            raise ValueError(item)
        return item

    results = made_slow(threads).in_order(work, range(10))
    with closing(results):
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match="2"):
            next(results)


def test_a_lane_without_a_free_thread_delays_nobody() -> None:
    in_flight = made_slow(BusyThreads())
    results = in_flight.in_slices(lambda start, stop: list(range(start, stop)), 100)
    assert flat(results) == list(range(100))


def test_a_thread_that_helps_may_ask_for_help() -> None:
    with ThreadPoolExecutor(1) as threads:
        in_flight = made_slow(threads)

        def below(item: int) -> list[int]:
            return list(in_flight.in_order(lambda other: item * 100 + other, range(50)))

        results = list(in_flight.in_order(below, range(20)))
    assert flat(results) == [item * 100 + other for item in range(20) for other in range(50)]


def test_what_was_made_for_nothing_is_discarded(threads: Executor) -> None:
    barrier = threading.Barrier(8)
    discarded: list[int] = []

    def work(item: int) -> int:
        barrier.wait(_TIMEOUT_S)
        return item

    results = made_slow(threads).in_order(work, range(8), discard=discarded.append)
    with closing(results):
        assert next(results) == 0
    assert discarded == list(range(1, 8))


def test_at_once_bounds_what_is_in_flight(threads: Executor) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def work(_item: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait(_TIMEOUT_S)
        with lock:
            running -= 1

    barrier = threading.Barrier(4)
    assert len(list(made_slow(threads).in_order(work, range(40), at_once=4))) == 40
    assert most == 4


def test_storage_that_is_quick_again_is_used_in_place(threads: Executor) -> None:
    in_flight = made_slow(threads)  # whose clock now stands still
    in_flight.in_slices(lambda _start, _stop: None, 100)
    assert not in_flight.is_slow


def test_an_album_is_known_as_slow_until_it_is_not_used_any_more() -> None:
    with closing(InFlights()) as in_flights:
        assert in_flights.of("a") is in_flights.of("a")
        assert in_flights.of("a") is not in_flights.of("b")
        assert in_flights.threads == 0


@pytest.mark.parametrize(
    ("is_prompt", "item_s", "later_s", "is_at_hand"),
    [
        (True, _QUICK_S, 0.9, True),
        (True, _QUICK_S, 1.1, False),
        (True, _SLOW_S, 0.0, False),
        (False, _QUICK_S, 0.0, False),
    ],
)
def test_an_album_is_at_hand_for_a_moment_where_its_local_disk_is_quick(
    item_s: float, later_s: float, *, is_prompt: bool, is_at_hand: bool
) -> None:
    clock = Clock(item_s)
    in_flight = InFlight(NoThreads(), clock)
    assert not in_flight.is_at_hand
    for _ in range(2):
        in_flight.measured(lambda: clock.do(0, 1))
    in_flight.note_listing(is_prompt=is_prompt)
    clock.item_s = later_s
    clock.do(0, 1)
    assert in_flight.is_at_hand == is_at_hand


@pytest.mark.parametrize("is_local", [True, False])
def test_an_item_that_waits_for_no_disk_is_not_slow_on_a_local_one(is_local: bool) -> None:
    """Others have the processors, or the interpreter's lock: sleeping is like that."""
    in_flight = InFlight(NoThreads())
    in_flight.note_listing(is_prompt=is_local)
    for _ in range(3):
        in_flight.measured(partial(time.sleep, _SLOW_S))
    # Elsewhere the kernel does not say what an item has waited for.
    assert in_flight.is_slow is not is_local


def test_an_item_for_which_a_local_disk_is_read_is_slow(tmp_path: Path) -> None:
    clock = Clock(_SLOW_S)
    in_flight = InFlight(NoThreads(), clock)
    in_flight.note_listing(is_prompt=True)
    path = tmp_path / "file"
    path.write_bytes(bytes(64 * 1024))
    evict(path)

    def read() -> None:
        read_from_disk(path)
        clock.do(0, 1)

    for _ in range(2):
        in_flight.measured(read)
    assert in_flight.is_slow
