"""A listing of a store that never ends is found out, and a long one is not taken for it."""

from __future__ import annotations

import pytest

from archive_service.archive.errors import StorageUnavailable
from archive_service.storage.s3.listing_bounds import (
    LONGEST_S,
    MOST_EMPTY,
    MOST_LISTED,
    ListingBounds,
)

PAGE = 1000


def key(number: int) -> bytes:
    return b"%09d" % number


def test_a_listing_of_as_many_objects_as_there_may_be_ends() -> None:
    bounds = ListingBounds(0.0)
    for number in range(MOST_LISTED // PAGE):
        bounds.check(PAGE, key(number), now_s=LONGEST_S)
    with pytest.raises(StorageUnavailable):
        bounds.check(1, key(MOST_LISTED), now_s=LONGEST_S)


def test_pages_that_begin_as_one_before_never_end() -> None:
    bounds = ListingBounds(0.0)
    for number in (1, 2):
        bounds.check(PAGE, key(number), now_s=0.0)
    with pytest.raises(StorageUnavailable):
        bounds.check(PAGE, key(1), now_s=0.0)


def test_some_empty_pages_are_passed_over() -> None:
    bounds = ListingBounds(0.0)
    for number in range(3):
        for _ in range(MOST_EMPTY):
            bounds.check(0, None, now_s=0.0)
        bounds.check(PAGE, key(number), now_s=0.0)
    for _ in range(MOST_EMPTY):
        bounds.check(0, None, now_s=0.0)
    with pytest.raises(StorageUnavailable):
        bounds.check(0, None, now_s=0.0)


def test_a_listing_that_takes_too_long_never_ends() -> None:
    bounds = ListingBounds(5.0)
    bounds.check(PAGE, key(1), now_s=5.0 + LONGEST_S)
    with pytest.raises(StorageUnavailable):
        bounds.check(PAGE, key(2), now_s=5.1 + LONGEST_S)
