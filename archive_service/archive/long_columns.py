"""Long columns, a piece at a time.

A call of C holds the interpreter until it returns: for 150,000 entries 5 to 20 ms, in which neither
the event loop nor any other thread runs.  Between two pieces they can.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

PIECE_ENTRIES = 1024
"""A call for so many takes some 0.1 ms."""
_PIECE_BYTES = 32 * 1024
"""Characters for a call that cuts a text: they hold about as many names."""
_Value = TypeVar("_Value")


def in_pieces(values: Iterable[_Value]) -> Iterator[Sequence[_Value]]:
    """Yield values in pieces of PIECE_ENTRIES, in order; the last has fewer."""
    if isinstance(values, (list, array)):  # a slice makes no object for each value
        for start in range(0, len(values), PIECE_ENTRIES):
            yield values[start : start + PIECE_ENTRIES]
        return
    remaining = iter(values)
    while piece := list(islice(remaining, PIECE_ENTRIES)):
        yield piece


def as_array(typecode: str, values: Iterable[int]) -> array[int]:
    """Return values as an array."""
    remaining = iter(values)
    column = array(typecode, islice(remaining, PIECE_ENTRIES))
    count = 0
    while len(column) - count == PIECE_ENTRIES:
        count = len(column)
        column.extend(islice(remaining, PIECE_ENTRIES))
    return column


def as_list(values: Iterable[_Value]) -> list[_Value]:
    """Return values as a list."""
    remaining = iter(values)
    column = list(islice(remaining, PIECE_ENTRIES))
    count = 0
    while len(column) - count == PIECE_ENTRIES:
        count = len(column)
        column += islice(remaining, PIECE_ENTRIES)
    return column


def distinct(values: Iterable[_Value]) -> set[_Value]:
    """Return values as a set."""
    found: set[_Value] = set()
    for piece in in_pieces(values):
        found.update(piece)
    return found


def greatest(values: Iterable[int], *, default: int) -> int:
    """Return the greatest value; `default` where there is none."""
    return max(map(max, in_pieces(values)), default=default)


def least(values: Iterable[int], *, default: int) -> int:
    """Return the least value; `default` where there is none."""
    return min(map(min, in_pieces(values)), default=default)


def are_all_true(values: Iterable[bool]) -> bool:
    """Return whether all values are true."""
    return all(map(all, in_pieces(values)))


def joined(separator: bytes, texts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of `separator.join(texts)`."""
    pieces = map(separator.join, in_pieces(texts))
    yield next(pieces, b"")
    yield from map(separator.__add__, pieces)


def split(separator: bytes, text: bytes) -> Iterator[bytes]:
    """Yield what `text.split(separator)` returns."""
    return chain.from_iterable(piece.split(separator) for piece in _cut(separator, text))


def _cut(separator: bytes, text: bytes) -> Iterator[bytes]:
    start = 0
    while (stop := text.find(separator, start + _PIECE_BYTES)) >= 0:
        yield text[start:stop]
        start = stop + len(separator)
    yield text[start:]
