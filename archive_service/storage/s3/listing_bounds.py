"""Finds a listing that never ends: a store may lead from page to page for ever."""

from __future__ import annotations

from archive_service.archive.errors import StorageUnavailable

MOST_LISTED = 2_000_000
"""Objects and common prefixes of one listing; each takes some 450 bytes of memory meanwhile."""
MOST_EMPTY = 100
"""Empty pages in a row; stores send some where much has been deleted."""
LONGEST_S = 3600.0


class ListingBounds:
    """Checks that the pages of one listing, which began at `began_s`, come to an end."""

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self._firsts: set[bytes] = set()
        self._listed = self._empty = 0

    def check(self, keys: int, first: bytes | None, *, now_s: float) -> None:
        """Check a page that another follows; raise StorageUnavailable.

        `keys` is the number of its keys, and `first` the first of them, None if there are none.
        """
        self._listed += keys
        self._empty = 0 if keys else self._empty + 1
        is_repeated = first in self._firsts
        if first is not None:
            self._firsts.add(first)
        is_over = now_s - self._began_s > LONGEST_S
        if is_repeated or is_over or self._listed > MOST_LISTED or self._empty > MOST_EMPTY:
            raise StorageUnavailable("endless listing")
