"""BegunDownloads: which states of an archive a client has begun, and for how long that counts."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from archive_service.web.limits.begun_downloads import (
    DOWNLOAD_BYTES,
    KEPT_NS,
    TAGS_PER_DOWNLOAD,
    BegunDownloads,
    begun_download_records,
)

NOW_NS = 100_000 * 10**9
SECOND_NS = 10**9
OLD, NEW = '"old"', '"new"'


def download(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=DOWNLOAD_BYTES).digest()


ANN, BOB = download("ann"), download("bob")


def processes(count: int) -> list[BegunDownloads]:
    records = begun_download_records(count)
    return [BegunDownloads(records, number) for number in range(count)]


@pytest.fixture
def begun() -> BegunDownloads:
    return processes(1)[0]


def verdict(begun: BegunDownloads, etag: str, *, client: bytes = ANN, at_ns: int = NOW_NS) -> str:
    has = begun.has_begun_another(client, etag, now_ns=at_ns)
    if has is None:
        return "unknown"
    if has and not begun.may_resume(client, etag, now_ns=at_ns):
        return "refused"
    return "good"


def test_of_a_client_that_has_begun_nothing_nothing_is_known(begun: BegunDownloads) -> None:
    begun.add(BOB, OLD, now_ns=NOW_NS)
    assert verdict(begun, NEW) == "unknown"


def test_another_state_than_the_one_begun_is_told_apart(begun: BegunDownloads) -> None:
    begun.add(ANN, OLD, now_ns=NOW_NS)
    assert verdict(begun, NEW) == "refused"
    assert verdict(begun, OLD) == "good"


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD)])
def test_who_has_begun_both_may_go_on_with_either(
    begun: BegunDownloads, order: tuple[str, str]
) -> None:
    for etag in order:
        begun.add(ANN, etag, now_ns=NOW_NS)
    assert verdict(begun, OLD) == "good"
    assert verdict(begun, NEW) == "good"


def test_a_beginning_is_forgotten_after_an_hour(begun: BegunDownloads) -> None:
    begun.add(ANN, OLD, now_ns=NOW_NS)
    assert verdict(begun, NEW, at_ns=NOW_NS + KEPT_NS - SECOND_NS) == "refused"
    assert verdict(begun, NEW, at_ns=NOW_NS + KEPT_NS + SECOND_NS) == "unknown"


def test_beginning_again_counts_from_then(begun: BegunDownloads) -> None:
    begun.add(ANN, OLD, now_ns=NOW_NS)
    begun.add(ANN, NEW, now_ns=NOW_NS + KEPT_NS - SECOND_NS)
    begun.add(ANN, OLD, now_ns=NOW_NS + KEPT_NS - SECOND_NS)
    assert verdict(begun, OLD, at_ns=NOW_NS + KEPT_NS + SECOND_NS) == "good"


def test_the_last_few_states_are_kept(begun: BegunDownloads) -> None:
    tags = [f'"{number}"' for number in range(TAGS_PER_DOWNLOAD + 1)]
    for second, tag in enumerate(tags):
        begun.add(ANN, tag, now_ns=NOW_NS + second * SECOND_NS)
    answers = [verdict(begun, tag, at_ns=NOW_NS + 10 * SECOND_NS) for tag in tags]
    assert answers == ["refused", *["good"] * TAGS_PER_DOWNLOAD]


def test_processes_know_of_each_other() -> None:
    one, two = processes(2)
    one.add(ANN, OLD, now_ns=NOW_NS)
    assert verdict(two, NEW) == "refused"
    two.add(ANN, NEW, now_ns=NOW_NS)
    assert verdict(one, NEW) == "good"


def test_memory_is_bounded_and_the_newest_are_kept(begun: BegunDownloads) -> None:
    for number in range(50_000):
        begun.add(download(f"{number}"), OLD, now_ns=NOW_NS + number)
    begun.add(ANN, OLD, now_ns=NOW_NS + 60 * SECOND_NS)
    assert verdict(begun, NEW, at_ns=NOW_NS + 60 * SECOND_NS) == "refused"


def test_who_has_only_looked_at_the_current_state_goes_on_with_another(
    begun: BegunDownloads,
) -> None:
    begun.add(ANN, OLD, now_ns=NOW_NS)
    begun.add(ANN, NEW, now_ns=NOW_NS + 1)
    begun.mark_brief(ANN, NEW)
    assert verdict(begun, NEW) == "refused"
    assert verdict(begun, OLD) == "good"


def test_who_has_looked_and_begun_may_go_on_in_whatever_order(begun: BegunDownloads) -> None:
    begun.add(ANN, OLD, now_ns=NOW_NS)
    begun.add(ANN, NEW, now_ns=NOW_NS + 1)
    begun.add(ANN, NEW, now_ns=NOW_NS + 2)
    begun.mark_brief(ANN, NEW)
    assert verdict(begun, NEW) == "good"
    begun.add(ANN, NEW, now_ns=NOW_NS + 3)
    begun.mark_brief(ANN, NEW)
    assert verdict(begun, NEW) == "good"
    begun.mark_brief(ANN, NEW)
    assert verdict(begun, NEW) == "refused"


def test_of_what_was_looked_at_alone_the_rest_is_given(begun: BegunDownloads) -> None:
    begun.add(ANN, OLD, now_ns=NOW_NS)
    begun.mark_brief(ANN, OLD)
    assert verdict(begun, OLD) == "good"
    assert verdict(begun, NEW) == "refused"


def test_what_is_forgotten_may_end(begun: BegunDownloads) -> None:
    begun.mark_brief(ANN, OLD)
    assert verdict(begun, OLD) == "unknown"
    begun.add(ANN, OLD, now_ns=NOW_NS)
    for _ in range(2):
        begun.mark_brief(ANN, OLD)
    begun.add(ANN, OLD, now_ns=NOW_NS)
    begun.add(ANN, NEW, now_ns=NOW_NS)
    assert verdict(begun, OLD) == "good"


def test_many_beginnings_count_as_one(begun: BegunDownloads) -> None:
    begun.add(ANN, OLD, now_ns=NOW_NS)
    for _ in range(0x10001):
        begun.add(ANN, NEW, now_ns=NOW_NS)
    assert verdict(begun, NEW) == "good"


def test_four_thousand_are_remembered_at_a_time(begun: BegunDownloads) -> None:
    """All but a few, whose places in the table have fallen together."""
    clients = [download(f"client {number}") for number in range(4096)]
    for client in clients:
        begun.add(client, OLD, now_ns=NOW_NS)
    assert sum(verdict(begun, NEW, client=client) == "refused" for client in clients) > 4090
