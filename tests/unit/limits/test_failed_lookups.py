"""FailedLookups: a client with many is delayed, then refused, then forgotten."""

from __future__ import annotations

import pytest

from archive_service.web.limits.failed_lookups import (
    MOST_DELAY_S,
    REFUSED_FROM,
    WINDOW_S,
    FailedLookups,
)
from archive_service.web.limits.policy import Limits, SharedCounts

LIMIT = 10
REFUSED_S = 300.0
START_S = 100 * WINDOW_S
ANN, BOB = b"ann".ljust(16, b"\0"), b"bob".ljust(16, b"\0")


def processes(count: int) -> list[FailedLookups]:
    shared = SharedCounts(Limits(misses_per_minute=LIMIT, refused_s=REFUSED_S), count)
    return [shared.of(number).failed_lookups for number in range(count)]


@pytest.fixture
def misses() -> FailedLookups:
    return processes(1)[0]


def missed(
    misses: FailedLookups, times: int, *, client: bytes = ANN, at_s: float = START_S
) -> float:
    """Miss some times; return the last delay."""
    return [misses.add_or_refuse(client, at_s) for _ in range(times)][-1]


def test_a_few_misses_cost_nothing(misses: FailedLookups) -> None:
    assert missed(misses, LIMIT) == 0
    assert misses.refused_for_s(ANN, START_S) == 0


def test_further_misses_wait_longer_and_longer_but_never_long(misses: FailedLookups) -> None:
    missed(misses, LIMIT)
    delays = [misses.add(ANN, START_S) for _ in range(1000)]
    assert 0 < delays[0] < delays[1] < delays[2]
    assert delays[-1] == MOST_DELAY_S


def test_three_times_as_many_are_refused_for_a_while(misses: FailedLookups) -> None:
    missed(misses, REFUSED_FROM * LIMIT - 1)
    assert misses.refused_for_s(ANN, START_S) == 0
    missed(misses, 1)
    assert misses.refused_for_s(ANN, START_S) == REFUSED_S
    assert misses.refused_for_s(ANN, START_S + REFUSED_S - 1) == 1
    assert misses.refused_for_s(ANN, START_S + REFUSED_S) == 0
    assert missed(misses, 1, at_s=START_S + REFUSED_S) == 0


def test_who_may_not_be_refused_never_is(misses: FailedLookups) -> None:
    for _ in range(100 * LIMIT):
        misses.add(ANN, START_S)
    assert misses.refused_for_s(ANN, START_S) == 0


def test_others_are_not_concerned(misses: FailedLookups) -> None:
    missed(misses, REFUSED_FROM * LIMIT)
    assert misses.refused_for_s(BOB, START_S) == 0
    assert missed(misses, 1, client=BOB) == 0


@pytest.mark.parametrize("offset_s", [0, 1, 30, 59])
def test_the_limit_is_of_any_minute(misses: FailedLookups, offset_s: int) -> None:
    missed(misses, LIMIT, at_s=START_S + offset_s)
    assert missed(misses, 2, at_s=START_S + offset_s + 1) > 0
    assert missed(misses, 1, at_s=START_S + offset_s + 2 * WINDOW_S) == 0


def test_misses_are_forgotten_by_and_by(misses: FailedLookups) -> None:
    missed(misses, 2 * LIMIT)
    delays = [missed(misses, 1, at_s=START_S + WINDOW_S + second) for second in (1, 20, 40)]
    assert delays[0] > delays[1] > delays[2] == 0


def test_processes_add_up() -> None:
    one, two, three = processes(3)
    missed(one, LIMIT)
    missed(two, LIMIT)
    assert missed(three, 1) > 0
    missed(three, LIMIT - 1)
    assert all(each.refused_for_s(ANN, START_S) == REFUSED_S for each in (one, two, three))
    assert not any(each.refused_for_s(BOB, START_S) for each in (one, two, three))


def test_memory_is_bounded_and_the_newest_are_kept(misses: FailedLookups) -> None:
    for number in range(20_000):
        missed(misses, 1, client=number.to_bytes(16, "big"))
    missed(misses, REFUSED_FROM * LIMIT)
    assert misses.refused_for_s(ANN, START_S) == REFUSED_S


def test_many_others_do_not_free_who_is_refused(misses: FailedLookups) -> None:
    missed(misses, REFUSED_FROM * LIMIT)
    for number in range(20_000):
        missed(misses, 1, client=number.to_bytes(16, "big"), at_s=START_S + WINDOW_S)
    assert misses.refused_for_s(ANN, START_S + WINDOW_S) > 0
