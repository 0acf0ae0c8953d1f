"""BegunDownloads: which states of an archive a client has begun, and for how long that counts."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from archive_service.web.limits.begun_downloads import (
    DOWNLOAD_BYTES,
    KEPT_S,
    TAGS_PER_DOWNLOAD,
    BegunDownloads,
    begun_download_records,
)

NOW_S = 100_000.0
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


def test_of_a_client_that_has_begun_nothing_nothing_is_known(begun: BegunDownloads) -> None:
    begun.add(BOB, OLD, now_s=NOW_S)
    assert begun.began_otherwise(ANN, NEW, now_s=NOW_S) is None


def test_another_state_than_the_one_begun_is_told_apart(begun: BegunDownloads) -> None:
    begun.add(ANN, OLD, now_s=NOW_S)
    assert begun.began_otherwise(ANN, NEW, now_s=NOW_S) is True
    assert begun.began_otherwise(ANN, OLD, now_s=NOW_S) is False


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD)])
def test_who_has_begun_both_may_go_on_with_either(
    begun: BegunDownloads, order: tuple[str, str]
) -> None:
    for etag in order:
        begun.add(ANN, etag, now_s=NOW_S)
    assert begun.began_otherwise(ANN, OLD, now_s=NOW_S) is False
    assert begun.began_otherwise(ANN, NEW, now_s=NOW_S) is False


def test_a_beginning_is_forgotten_after_an_hour(begun: BegunDownloads) -> None:
    begun.add(ANN, OLD, now_s=NOW_S)
    assert begun.began_otherwise(ANN, NEW, now_s=NOW_S + KEPT_S - 1) is True
    assert begun.began_otherwise(ANN, NEW, now_s=NOW_S + KEPT_S + 1) is None


def test_beginning_again_counts_from_then(begun: BegunDownloads) -> None:
    begun.add(ANN, OLD, now_s=NOW_S)
    begun.add(ANN, NEW, now_s=NOW_S + KEPT_S - 1)
    begun.add(ANN, OLD, now_s=NOW_S + KEPT_S - 1)
    assert begun.began_otherwise(ANN, OLD, now_s=NOW_S + KEPT_S + 1) is False


def test_the_last_few_states_are_kept(begun: BegunDownloads) -> None:
    tags = [f'"{number}"' for number in range(TAGS_PER_DOWNLOAD + 1)]
    for second, tag in enumerate(tags):
        begun.add(ANN, tag, now_s=NOW_S + second)
    answers = [begun.began_otherwise(ANN, tag, now_s=NOW_S + 10) for tag in tags]
    assert answers == [True, *[False] * TAGS_PER_DOWNLOAD]


def test_processes_know_of_each_other() -> None:
    one, two = processes(2)
    one.add(ANN, OLD, now_s=NOW_S)
    assert two.began_otherwise(ANN, NEW, now_s=NOW_S) is True
    two.add(ANN, NEW, now_s=NOW_S)
    assert one.began_otherwise(ANN, NEW, now_s=NOW_S) is False


def test_memory_is_bounded_and_the_newest_are_kept(begun: BegunDownloads) -> None:
    for number in range(50_000):
        begun.add(download(f"{number}"), OLD, now_s=NOW_S + number / 1000)
    begun.add(ANN, OLD, now_s=NOW_S + 60)
    assert begun.began_otherwise(ANN, NEW, now_s=NOW_S + 60) is True
