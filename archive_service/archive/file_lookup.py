"""The files of an album by the names that a query may give them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice, takewhile

from archive_service.archive.errors import FileNotInAlbum
from archive_service.archive.listing import Listing, SourceIndex, parents_of_directories
from archive_service.archive.naming import NameRules, original_name


class FileLookup:
    """Finds files by their names in the archive, or by those before they were made portable.

    For one thread at a time: what a query needs is made when it is first asked for.
    """

    def __init__(self, listing: Listing, names: Sequence[bytes], rules: NameRules) -> None:
        self._listing = listing
        self._rules = rules
        self._by_name: defaultdict[str, list[SourceIndex]] = defaultdict(list)
        for source, name in zip(listing.sources(), names, strict=True):
            self._by_name[name.decode()].append(source)
        self._has_originals = False
        self._ordered: list[str] = []

    def sources(self, files: Sequence[str]) -> set[SourceIndex]:
        """Return what files name, and the directories above; raise FileNotInAlbum.

        A name with a trailing slash stands for a directory and all below it.
        """
        if not self._has_originals and not self._by_name.keys() >= set(files):
            self._add_originals()
        named = {source for file in files for source in self._named(file)}
        return named | set(parents_of_directories(self._listing, named))

    def _add_originals(self) -> None:
        archived = set(self._by_name)
        for source in self._listing.sources():
            # Several paths may have one.
            original = original_name(self._listing.paths[source], self._rules)
            if original not in archived:
                self._by_name[original].append(source)
        self._has_originals, self._ordered = True, []

    def _named(self, file: str) -> Sequence[SourceIndex]:
        if not file.endswith("/"):
            if file in self._by_name:
                return self._by_name[file]
            raise FileNotInAlbum
        self._ordered = self._ordered or sorted(self._by_name)
        following = islice(self._ordered, bisect_left(self._ordered, file), None)
        below = list(takewhile(lambda name: name.startswith(file), following))
        if not below:
            raise FileNotInAlbum
        return [source for name in below for source in self._by_name[name]]
