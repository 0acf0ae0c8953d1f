"""Lanes: threads shared out by album, of which some may hang."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Hashable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from queue import Queue

import pytest
from harness.conditions import eventually

from archive_service.storage.lane_limits import LaneLimits
from archive_service.storage.thread_lanes import Lanes
from archive_service.storage.thread_progress import note_progress

_TIMEOUT_S = 30.0


@contextmanager
def lanes_of(
    *, per_lane: int = 2, usual: int = 4, most: int = 8, hangs_after_s: float = 60.0
) -> Iterator[tuple[Lanes, Queue[Hashable]]]:
    hung: Queue[Hashable] = Queue()
    limits = LaneLimits(per_lane, usual, most)
    lanes = Lanes(
        "test", limits, on_hanging=lambda key, by: hung.put((key, by)), hangs_after_s=hangs_after_s
    )
    try:
        yield lanes, hung
    finally:
        lanes.close()


class Gate:
    """Work that waits until the gate is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.held = Queue[int]()

    def wait(self) -> None:
        self.held.put(threading.get_ident())
        assert self.opened.wait(_TIMEOUT_S)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def test_work_returns_its_result_or_raises() -> None:
    with lanes_of() as (lanes, _):
        lane = lanes.of("a")
        assert lane.submit(divmod, 7, 2).result(_TIMEOUT_S) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            lane.submit(divmod, 1, 0).result(_TIMEOUT_S)


def test_an_album_has_no_more_threads_than_its_share(gate: Gate) -> None:
    with lanes_of(per_lane=2) as (lanes, _):
        works = [lanes.of("a").submit(gate.wait) for _ in range(5)]
        for _ in range(2):
            gate.held.get(timeout=_TIMEOUT_S)
        assert lanes.of("b").submit(lambda: "done").result(_TIMEOUT_S) == "done"
        assert gate.held.empty()
        gate.opened.set()
        assert not wait(works, _TIMEOUT_S).not_done


def test_albums_take_turns(gate: Gate) -> None:
    done: list[str] = []
    with lanes_of(per_lane=1, usual=1, most=1) as (lanes, _):
        a, b = lanes.of("a"), lanes.of("b")
        a.submit(gate.wait)
        gate.held.get(timeout=_TIMEOUT_S)
        works = [a.submit(done.append, f"a{n}") for n in range(3)]
        works += [b.submit(done.append, f"b{n}") for n in range(3)]
        gate.opened.set()
        assert not wait(works, _TIMEOUT_S).not_done
    assert sorted(done[:4]) == ["a0", "a1", "b0", "b1"]


def test_threads_that_hang_are_replaced_and_told_once(gate: Gate) -> None:
    with lanes_of(per_lane=2, usual=2, most=8, hangs_after_s=0.05) as (lanes, hung):
        held = [lanes.of("dead").submit(gate.wait) for _ in range(2)]
        assert [hung.get(timeout=_TIMEOUT_S) for _ in held] == [("dead", 1)] * 2
        assert lanes.hanging == 2
        assert lanes.of("well").submit(lambda: "done").result(_TIMEOUT_S) == "done"
        gate.opened.set()
        assert not wait(held, _TIMEOUT_S).not_done
        assert eventually(lambda: lanes.hanging == 0)
        assert [hung.get(timeout=_TIMEOUT_S) for _ in held] == [("dead", -1)] * 2


def test_work_that_waits_is_done_when_the_others_begin_to_hang(gate: Gate) -> None:
    with lanes_of(per_lane=1, usual=2, most=4, hangs_after_s=0.05) as (lanes, _):
        for album in ("x", "y"):
            lanes.of(album).submit(gate.wait)
        assert lanes.of("z").submit(lambda: "done").result(_TIMEOUT_S) == "done"


def test_work_that_takes_long_holds_up_no_other_album(gate: Gate) -> None:
    with lanes_of(per_lane=2, usual=4) as (lanes, hung):
        for _ in range(2):
            for album in ("slow", "slower"):
                lanes.of(album).submit(gate.wait)
        for _ in range(4):
            gate.held.get(timeout=_TIMEOUT_S)
        # The others wait for longer than that.
        assert lanes.of("well").submit(lambda: "done").result(_TIMEOUT_S / 3) == "done"
        assert hung.empty()
        gate.opened.set()  # or else their end is waited for


def test_albums_that_hang_leave_a_thread_for_each_other_album(gate: Gate) -> None:
    with lanes_of(per_lane=8, usual=2, most=32, hangs_after_s=0.02) as (lanes, _):
        held = [lanes.of(n % 8).submit(gate.wait) for n in range(8 * 8)]
        for _ in range(8):
            gate.held.get(timeout=_TIMEOUT_S)
        for n in range(8):
            # The others wait for longer than that.
            assert lanes.of(f"well {n}").submit(lambda: "done").result(_TIMEOUT_S / 3) == "done"
        gate.opened.set()
        assert not wait(held, _TIMEOUT_S).not_done


def test_work_that_was_held_back_is_begun_once_others_have_ended(gate: Gate) -> None:
    other = Gate()
    with lanes_of(per_lane=8, usual=2, most=16) as (lanes, _):
        held = [lanes.of("a").submit(gate.wait) for _ in range(8)]
        held += [lanes.of("b").submit(gate.wait) for _ in range(8)]
        works = [lanes.of("c").submit(other.wait) for _ in range(4)]
        other.held.get(timeout=_TIMEOUT_S)
        gate.opened.set()
        assert not wait(held, _TIMEOUT_S).not_done
        for _ in works[1:]:
            other.held.get(timeout=_TIMEOUT_S)
        other.opened.set()
        assert not wait(works, _TIMEOUT_S).not_done


def test_threads_beyond_the_usual_number_end(gate: Gate) -> None:
    with lanes_of(per_lane=1, usual=2) as (lanes, _):
        held = [lanes.of(n).submit(gate.wait) for n in range(6)]
        for _ in held:
            gate.held.get(timeout=_TIMEOUT_S)
        assert lanes.threads == 6
        gate.opened.set()
        assert not wait(held, _TIMEOUT_S).not_done
        assert eventually(lambda: lanes.threads <= 2)


def test_there_is_a_most_of_threads(gate: Gate) -> None:
    with lanes_of(per_lane=1, usual=1, most=3, hangs_after_s=0.02) as (lanes, hung):
        held = [lanes.of(n).submit(gate.wait) for n in range(6)]
        for _ in range(3):
            hung.get(timeout=_TIMEOUT_S)
        assert lanes.threads == 3
        gate.opened.set()
        assert not wait(held, _TIMEOUT_S).not_done


def test_work_that_makes_progress_does_not_hang() -> None:
    steps = threading.Semaphore(0)

    def go_on() -> None:
        for _ in range(60):
            note_progress()
            steps.acquire(timeout=0.05)

    with lanes_of(hangs_after_s=2.5) as (lanes, hung):
        lanes.of("a").submit(go_on).result(_TIMEOUT_S)
        assert hung.empty()


def test_work_that_was_cancelled_is_not_begun(gate: Gate) -> None:
    begun: list[int] = []
    with lanes_of(per_lane=1) as (lanes, _):
        lane = lanes.of("a")
        lane.submit(gate.wait)
        gate.held.get(timeout=_TIMEOUT_S)
        unwanted, wanted = lane.submit(begun.append, 1), lane.submit(begun.append, 2)
        assert unwanted.cancel()
        gate.opened.set()
        wanted.result(_TIMEOUT_S)
    assert begun == [2]


def test_what_waits_is_cancelled_at_the_end(gate: Gate) -> None:
    waiting: Future[None]
    with lanes_of(per_lane=1, hangs_after_s=0.02) as (lanes, hung):
        lane = lanes.of("a")
        lane.submit(gate.wait)
        waiting = lane.submit(gate.wait)
        hung.get(timeout=_TIMEOUT_S)  # or else its end is waited for
    gate.opened.set()
    assert eventually(waiting.cancelled)
    assert lane.submit(gate.wait).cancelled()


def test_results_are_not_kept_by_idle_threads() -> None:
    class Large:
        pass

    with lanes_of() as (lanes, _):
        large = lanes.of("a").submit(Large).result(_TIMEOUT_S)
        reference = weakref.ref(large)
        del large
        assert eventually(lambda: gc.collect() is not None and reference() is None)


def test_a_lane_that_nobody_holds_is_forgotten() -> None:
    with lanes_of() as (lanes, _):
        reference = weakref.ref(lanes.of("a"))
        lanes.of("a").submit(int).result(_TIMEOUT_S)
        assert eventually(lambda: reference() is None)
