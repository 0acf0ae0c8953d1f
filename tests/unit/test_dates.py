"""The date of an archive: what it is, and when it stands for one archive alone."""

from __future__ import annotations

from array import array
from dataclasses import replace
from datetime import timezone

import pytest
from harness.albums import HASH
from harness.listings import represented

from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import lay_out
from archive_service.archive.listing import Listing
from archive_service.archive.naming import NameRules
from archive_service.archive.representation import ArchiveOptions, Representation

NEWEST_CHANGE_S, NEWEST_MTIME_S = 1_000_000, 900_000
HOUR_S = 3600
OPTIONS = ArchiveOptions(NameRules(), timezone.utc)


def archive(
    options: ArchiveOptions, *, changed_ns: int = NEWEST_CHANGE_S * 10**9
) -> Representation:
    listing = Listing(
        paths=[b"a"],
        locations=[b"a"],
        sizes=array("Q", [1]),
        mtimes_ns=array("q", [0]),
        modes=array("H", [0o644]),
        change_tokens=bytes(16),
        newest_change_ns=changed_ns,
        newest_mtime_ns=NEWEST_MTIME_S * 10**9,
    )
    layout = lay_out(listing, [b"a"], range(1), zone=timezone.utc)
    return represented(ArchiveId(HASH), layout, options)


@pytest.mark.parametrize("since_s", [None, 0, NEWEST_CHANGE_S, NEWEST_CHANGE_S + 10**6])
def test_it_is_the_second_after_the_newest_change_since_whenever_settings_are_in_force(
    since_s: int | None,
) -> None:
    assert archive(replace(OPTIONS, config_epoch_s=since_s)).changed_s == NEWEST_CHANGE_S + 1


@pytest.mark.parametrize(
    ("fraction_ns", "later_s"), [(0, 1), (949_999_999, 1), (950_000_000, 2), (999_999_999, 2)]
)
def test_a_change_near_the_end_of_a_second_may_belong_to_the_next(
    fraction_ns: int, later_s: int
) -> None:
    """Its stamp may be 50 ms behind the time."""
    made = archive(OPTIONS, changed_ns=NEWEST_CHANGE_S * 10**9 + fraction_ns)
    assert made.changed_s == NEWEST_CHANGE_S + later_s


def test_it_is_that_of_the_files_where_no_change_token_is_looked_at() -> None:
    made = archive(replace(OPTIONS, change_token=False, config_epoch_s=0))
    assert made.changed_s == NEWEST_MTIME_S + 1
    assert not made.date_is_strong  # mtimes can be set back


@pytest.mark.parametrize(
    ("since_s", "is_enough"),
    [
        (NEWEST_CHANGE_S - HOUR_S - 1, True),
        (NEWEST_CHANGE_S - HOUR_S, True),
        (NEWEST_CHANGE_S - HOUR_S + 1, False),
        (NEWEST_CHANGE_S, False),
        (NEWEST_CHANGE_S + HOUR_S, False),
        (None, False),
    ],
)
def test_it_stands_for_one_archive_where_settings_were_in_force_an_hour_before(
    since_s: int | None, *, is_enough: bool
) -> None:
    made = archive(replace(OPTIONS, config_epoch_s=since_s))
    assert made.date_is_strong is is_enough
