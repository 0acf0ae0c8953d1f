"""Slots: how many downloads may be under way, in processes that share the count."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from archive_service.archive.errors import ClientBusy, Refused, ServiceBusy
from archive_service.web.limits.download_slots import CONNECTIONS_PER_DOWNLOAD, Slots, slot_records
from archive_service.web.limits.policy import Limits, SharedCounts

ANN, BOB = b"ann".ljust(16, b"\0"), b"bob".ljust(16, b"\0")
A, B, C = (bytes([number]) * 16 for number in range(1, 4))


@pytest.fixture
def held() -> ExitStack:
    return ExitStack()


def processes(count: int, *, most: int = 0, per_client: int = 0) -> list[Slots]:
    shared = SharedCounts(Limits(downloads=most, downloads_per_client=per_client), count)
    return [shared.of(number).slots for number in range(count)]


def is_refused(slots: Slots, client: bytes, download: bytes) -> type[Refused] | None:
    before = slots.under_way()
    try:
        with slots.taken(client, download):
            assert slots.under_way() == before + 1
            return None
    except Refused as error:
        return type(error)
    finally:
        assert slots.under_way() == before


def test_as_many_as_there_are_and_no_more(held: ExitStack) -> None:
    [slots] = processes(1, most=3)
    for _ in range(2):
        held.enter_context(slots.taken(ANN, A))
    assert is_refused(slots, ANN, A) is None
    held.enter_context(slots.taken(BOB, B))
    assert is_refused(slots, ANN, A) is ServiceBusy
    held.close()
    assert slots.under_way() == 0


def test_no_limit_is_none(held: ExitStack) -> None:
    [slots] = processes(1)
    for _ in range(1000):
        held.enter_context(slots.taken(ANN, A))
    assert is_refused(slots, ANN, A) is None


def test_slots_are_those_of_all_processes(held: ExitStack) -> None:
    one, two, three = processes(3, most=3)
    for slots in (one, one, two):
        held.enter_context(slots.taken(ANN, A))
    assert [is_refused(each, BOB, B) for each in (one, two, three)] == [ServiceBusy] * 3
    assert one.own_share() == pytest.approx(2 / 3)
    assert three.own_share() == 0


def test_an_error_in_a_download_frees_its_slot() -> None:
    [slots] = processes(1, most=1, per_client=1)
    with pytest.raises(KeyError), slots.taken(ANN, A):
        raise KeyError
    assert is_refused(slots, ANN, A) is None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_connections_of_one_download_count_as_one(held: ExitStack, count: int) -> None:
    workers = processes(count, per_client=2)
    for number in range(CONNECTIONS_PER_DOWNLOAD):
        held.enter_context(workers[number % count].taken(ANN, A))
    assert is_refused(workers[0], ANN, B) is None
    held.enter_context(workers[-1].taken(ANN, B))
    assert is_refused(workers[0], ANN, C) is ClientBusy
    assert is_refused(workers[0], ANN, A) is ClientBusy  # the 17th connection is another download
    assert is_refused(workers[0], ANN, B) is None
    assert is_refused(workers[0], BOB, A) is None


def test_what_was_refused_takes_no_slot(held: ExitStack) -> None:
    [slots] = processes(1, per_client=1)
    held.enter_context(slots.taken(ANN, A))
    for _ in range(100):
        assert is_refused(slots, ANN, B) is ClientBusy
    held.close()
    assert is_refused(slots, ANN, B) is None


def test_places_are_used_again(held: ExitStack) -> None:
    [slots] = processes(1, most=2, per_client=1)
    for _ in range(10):
        with slots.taken(ANN, A), slots.taken(BOB, B):
            assert is_refused(slots, ANN, C) is ServiceBusy
    held.enter_context(slots.taken(BOB, B))
    assert is_refused(slots, ANN, C) is None


def test_slots_of_a_process_that_has_ended_are_free(held: ExitStack) -> None:
    shared = SharedCounts(Limits(downloads=2, downloads_per_client=1), 2)
    one, two = shared.of(0).slots, shared.of(1).slots
    held.enter_context(one.taken(ANN, A))
    held.enter_context(two.taken(BOB, B))
    assert is_refused(one, ANN, C) is ServiceBusy
    shared.forget(0)
    assert is_refused(two, ANN, C) is None
    assert is_refused(two, BOB, C) is ClientBusy
    assert is_refused(shared.of(0).slots, ANN, C) is None


def test_more_downloads_than_are_told_apart_still_count(
    held: ExitStack,
) -> None:
    regions = slot_records(1, most=0, counts_clients=True, most_records=3)
    slots = Slots(regions, 0, most=0, most_per_client=1)
    for _ in range(5):
        held.enter_context(slots.taken(ANN, A))
    assert slots.under_way() == 5
    assert is_refused(slots, BOB, B) is None
    held.close()
    assert slots.under_way() == 0


def test_each_process_ends_its_part_of_what_makes_slots_scarce(held: ExitStack) -> None:
    one, two, three = processes(3, most=20)
    for number in range(18):
        held.enter_context((one if number % 3 else two).taken())
    assert [slots.own_excess() for slots in (one, two, three)] == [0, 0, 0]
    for _ in range(2):
        held.enter_context(one.taken())
    assert [slots.own_excess() for slots in (one, two, three)] == [2, 1, 0]


@pytest.mark.parametrize("albums", [1, 18])
def test_a_known_client_has_a_tenth_while_slots_are_scarce(held: ExitStack, albums: int) -> None:
    shared = SharedCounts(Limits(downloads=20, clients_are_known=True), 2)
    one, two = (shared.of(number).slots for number in range(2))
    for number in range(18):
        held.enter_context(one.taken(ANN, bytes([number % albums]) * 16, is_known=True))
    with pytest.raises(ClientBusy), two.taken(ANN, A, is_known=True):
        pass
    with two.taken(BOB, A, is_known=True), two.taken(ANN, A):
        assert two.under_way() == 20
