"""Where a row of pieces is cut into parts: numbers in, numbers out.

Theory of operation.  A piece is what stays together, a file of an archive.  Two columns give a
part's cost:

    cost of the pieces from `first` up to `stop`  =  stops[stop - 1] - starts[first]

`stops` are the sums of the pieces up to and with each.  `starts` are the sums before each, less
what a part that begins there has to repeat of earlier pieces.  Both ascend.  So a part with more
pieces never costs less, and bisection finds the furthest cut within a room.

A part of one piece is within any room, because a file can't be cut.  `partition` finds the smallest
room for which the number of parts is enough.  Within that room it cuts where each part comes
nearest to its share of the rest.  Rejected: cutting at equal shares alone.  If one file has more
than half of the bytes, that leaves parts of a single small file.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Column(Protocol):
    """Numbers, one for each piece."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: int, /) -> int: ...


class Pieces(NamedTuple):
    """What parts are made of; see above.  There is at least one piece."""

    starts: Column
    stops: Column

    def cost(self, first: int, stop: int) -> int:
        """Return the cost of a part with the pieces from `first` up to `stop`."""
        return self.stops[stop - 1] - self.starts[first]


def fewest_parts(pieces: Pieces, room: int) -> int:
    """Return the fewest parts within a room; a part of a single piece may cost more."""
    return sum(1 for _ in _furthest_cuts(pieces, room))


def partition(pieces: Pieces, parts: int) -> list[int]:
    """Return where to cut pieces into parts: 0, the first piece of each further part, their number.

    No part is empty; there are at least as many pieces as parts.
    """
    room = _least_room(pieces, parts)
    earliest = _earliest_cuts(pieces, parts, room)
    cuts = [0]
    for left in range(parts, 1, -1):  # parts that are yet to be made, this one included
        last = cuts[-1]
        least = max(earliest[left - 1], last + 1)
        most = min(_reach(pieces, last, room), len(pieces.stops) - left + 1)
        cuts.append(min(max(_nearest_to_share(pieces, last, left), least), most))
    return [*cuts, len(pieces.stops)]


def _least_room(pieces: Pieces, parts: int) -> int:
    least, most = 0, pieces.cost(0, len(pieces.stops))
    while least < most:
        room = (least + most) // 2
        if _fits(pieces, parts, room):
            most = room
        else:
            least = room + 1
    return most


def _fits(pieces: Pieces, parts: int, room: int) -> bool:
    cuts = _furthest_cuts(pieces, room)
    return any(cut == len(pieces.stops) for cut, _ in zip(cuts, range(parts), strict=False))


def _furthest_cuts(pieces: Pieces, room: int) -> Iterator[int]:
    """Yield where parts end if each takes as many pieces as it has room for."""
    cut = 0
    while cut < len(pieces.stops):
        cut = _reach(pieces, cut, room)
        yield cut


def _reach(pieces: Pieces, first: int, room: int) -> int:
    return max(bisect_right(pieces.stops, pieces.starts[first] + room), first + 1)


def _earliest_cuts(pieces: Pieces, parts: int, room: int) -> list[int]:
    """Return, for each number of parts, the first piece from which they can take the rest."""
    cuts = [len(pieces.stops)]
    for _ in range(1, parts):
        cut = cuts[-1]
        earlier = min(bisect_left(pieces.starts, pieces.stops[cut - 1] - room), cut - 1)
        cuts.append(max(earlier, 0))
    return cuts


def _nearest_to_share(pieces: Pieces, last: int, left: int) -> int:
    """Return where to cut next, so that the part is nearest to an equal share of the rest."""
    done = pieces.stops[last - 1] if last else 0
    goal = done + (pieces.stops[-1] - done) // left
    cut = bisect_left(pieces.stops, goal) + 1
    below = pieces.stops[cut - 2] if cut > 1 else 0
    return cut if pieces.stops[cut - 1] - goal < goal - below else cut - 1
