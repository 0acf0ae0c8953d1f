"""An archive in parts: several archives that hold its files together, in its order.

`part_cuts` says where one part ends and the next begins.  Each file is in one part, so a part has
whole files.  The entries of directories before a file stay with it; in front of an empty directory
a part repeats the entries of the directories above it, for readers that make no parents.

What a part costs is the sum of what its entries take in the whole, and of the whole's end.  Nothing
stands further behind in a part, so nothing is longer there: where the whole has ZIP64 fields that
the part does without, it is some bytes shorter than its cost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from archive_service.archive.errors import AlbumEmpty, PartNotFound
from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.listing import parents
from archive_service.archive.part_cuts import Pieces, fewest_parts, partition
from archive_service.archive.representation import Representation, excerpt

MOST_PARTS = 1000
"""Of 4 GB each they hold 4 TB."""


class PartNumber(NamedTuple):
    """Which part of how many; both count from 1."""

    number: int
    of: int


class Division(NamedTuple):
    """How an archive is to be divided: by the number of parts, or else by their size."""

    parts: int | None = None
    most_bytes: int = 0


class Parts:
    """Cuts one archive."""

    def __init__(self, whole: Representation) -> None:
        self._whole = whole
        self._layout = whole.layout
        self._directories = _Directories(whole.layout)
        self._first_entries = _first_entries(whole.layout)

    def fewest(self, most_bytes: int) -> int:
        """Return the fewest parts of at most `most_bytes`; one of a single file may have more."""
        if len(self._layout) <= most_bytes:
            return 1
        return fewest_parts(self._pieces(), max(most_bytes - len(self._layout.end_records), 0))

    def part(self, wanted: PartNumber) -> Representation:
        """Return one part; raise AlbumEmpty, or PartNotFound where there are fewer."""
        cuts = self._cuts(wanted.of)
        if wanted.of == 1:
            return self._whole
        first, stop = cuts[wanted.number - 1 : wanted.number + 1]
        return excerpt(self._whole, self._entries(first, stop))

    def divided(self, division: Division) -> Iterator[Representation]:
        """Yield the parts of a division; raise as `all` does."""
        return self.all(division.parts or self.fewest(division.most_bytes))

    def all(self, of: int) -> Iterator[Representation]:
        """Yield all parts; raise AlbumEmpty, or PartNotFound where there are fewer."""
        cuts = self._cuts(of)
        return (excerpt(self._whole, self._entries(*between)) for between in pairwise(cuts))

    def _cuts(self, parts: int) -> Sequence[int]:
        """Return the first entry of each part, and the number of entries."""
        if len(self._first_entries) == 1:
            raise AlbumEmpty
        if parts > min(len(self._first_entries) - 1, MOST_PARTS):
            raise PartNotFound
        return [self._first_entries[cut] for cut in partition(self._pieces(), parts)]

    def _pieces(self) -> Pieces:
        begin, end = self._first_entries[:-1], self._first_entries[1:]
        before, stops = _CostsBefore(self._layout, begin), _CostsBefore(self._layout, end)
        if not self._directories:
            return Pieces(before, stops)
        repeated = map(self._cost_repeated, begin)
        return Pieces([before[at] - cost for at, cost in enumerate(repeated)], stops)

    def _cost_repeated(self, first: int) -> int:
        above = self._directories.above_first_behind(first)
        return sum(
            _cost_before(self._layout, entry + 1) - _cost_before(self._layout, entry)
            for entry in above
        )

    def _entries(self, first: int, stop: int) -> Sequence[int]:
        if not self._directories.has_any(first, stop):
            return range(first, stop)
        return [*self._directories.above_first_behind(first), *range(first, stop)]


class _Directories:
    """The entries of an archive that are directories, in its order."""

    def __init__(self, layout: ArchiveLayout) -> None:
        self._names = layout.names
        names = enumerate(layout.names) if layout.file_count < layout.entries else ()
        self._entries = [at for at, name in names if name.endswith(b"/")]
        self._by_name = {layout.names[entry]: entry for entry in self._entries}

    def __len__(self) -> int:
        return len(self._entries)

    def has_any(self, first: int, stop: int) -> bool:
        """Return whether one is among the entries from `first` up to `stop`."""
        found = bisect_left(self._entries, first)
        return found < len(self._entries) and self._entries[found] < stop

    def above_first_behind(self, entry: int) -> Sequence[int]:
        """Return the directories above the first one that is not before an entry.

        They are before the entry.  Those above a later one, if before the entry, are among them: in
        the order of names, all between a directory and what is below it is below it as well.
        """
        found = bisect_left(self._entries, entry)
        if found == len(self._entries):
            return ()
        above = map(self._by_name.get, parents(self._names[self._entries[found]]))
        return [each for each in above if each is not None]


class _CostsBefore:
    """For each of some entries, the cost of all before it.

    It is added up when it is asked for: of 150,000 entries a question needs a few hundred.
    """

    def __init__(self, layout: ArchiveLayout, entries: Sequence[int]) -> None:
        self._layout = layout
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, at: int) -> int:
        return _cost_before(self._layout, self._entries[at])


def _cost_before(layout: ArchiveLayout, entry: int) -> int:
    """Return the cost of all entries before one; the number of entries stands for their end."""
    central = layout.central_offsets
    return layout.header_offsets[entry] + central[entry] - central[0]


def _first_entries(layout: ArchiveLayout) -> Sequence[int]:
    """Return where pieces begin, each of a file, and the number of entries; [0] without a file."""
    if layout.file_count == layout.entries:
        return range(layout.entries + 1)
    files = list(layout.files())
    behind = [file + 1 for file in files[:-1]]
    return [0, *behind, layout.entries] if files else [0]
