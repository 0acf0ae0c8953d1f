"""What is told of a store that fails."""

from __future__ import annotations

from archive_service.checksums.crc_index.outage import REMIND_EVERY_S, TELL_EVERY_S, Outage


def test_an_outage_is_told_once_and_so_is_its_end() -> None:
    outage = Outage()
    assert not outage.is_over()
    assert [outage.goes_on(float(now_s)) for now_s in range(5)] == [True] + [False] * 4
    assert outage.is_over()
    assert not outage.is_over()


def test_an_outage_that_lasts_is_told_again() -> None:
    outage = Outage()
    told = [now_s for now_s in range(0, 4000, 10) if outage.goes_on(float(now_s))]
    assert told == [0, REMIND_EVERY_S, 2 * REMIND_EVERY_S]


def test_a_store_that_comes_and_goes_is_told_of_now_and_then() -> None:
    outage = Outage()
    told, ends = [], 0
    for now_s in range(0, 200, 4):
        told += [now_s] if outage.goes_on(float(now_s)) else []
        ends += outage.is_over()
    assert told == [0, TELL_EVERY_S, 2 * TELL_EVERY_S, 3 * TELL_EVERY_S]
    assert ends == len(told)
