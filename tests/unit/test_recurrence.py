"""Things that recur are reported seldom, with their number, and take bounded memory."""

from __future__ import annotations

from archive_service.observe.recurrence import MOST_REMEMBERED, Recurrences

NEVER_S, ALWAYS_S = 3600.0, 0.0


def test_a_thing_that_recurs_is_reported_with_its_number_once_it_is_due() -> None:
    seen = Recurrences()
    assert [seen.due("a", every_s=NEVER_S) for _ in range(3)] == [1, 0, 0]
    assert seen.due("b", every_s=NEVER_S) == 1
    assert seen.due("a", every_s=ALWAYS_S) == 3
    assert seen.due("a", every_s=NEVER_S) == 0


def test_of_things_without_number_only_the_latest_are_remembered() -> None:
    seen = Recurrences()
    for number in range(MOST_REMEMBERED + 1):
        assert seen.due(number, every_s=NEVER_S) == 1
    assert seen.due(1, every_s=NEVER_S) == 0
    assert seen.due(0, every_s=NEVER_S) == 1  # forgotten
