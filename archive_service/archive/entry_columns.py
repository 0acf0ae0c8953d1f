"""The columns of a layout, made from those of a listing.

Each is made a piece at a time, see `long_columns`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, count, islice, repeat
from operator import add, eq, floordiv, lt
from typing import NamedTuple, cast

from archive_service.archive.listing import Listing, SourceIndex
from archive_service.archive.long_columns import (
    are_all_true,
    as_array,
    as_list,
    distinct,
    greatest,
    in_pieces,
    least,
)
from archive_service.archive.units import NS_PER_S
from archive_service.archive.zip import headers
from archive_service.archive.zip.extra_fields import MAX_32

_OWNER_FILE, _OWNER_DIRECTORY = 0o600, 0o700
_PERMISSIONS = 0o777


def by_name(
    sources: Iterable[SourceIndex], names: Sequence[bytes] | Mapping[SourceIndex, bytes]
) -> tuple[Sequence[SourceIndex], list[bytes]]:
    """Return sources in the order of their names, and these names."""
    ordered = _column(sources)
    if isinstance(names, list) and ordered == range(len(names)):
        entry_names = names
    else:
        entry_names = as_list(map(names.__getitem__, ordered))
    # Mostly they are in order already, and one call to sort them would be a long one.
    if not are_all_true(map(lt, entry_names, islice(entry_names, 1, None))):
        ordered = _column(sorted(ordered, key=names.__getitem__))
        entry_names = as_list(map(names.__getitem__, ordered))
    return ordered, entry_names


def _column(sources: Iterable[SourceIndex]) -> Sequence[SourceIndex]:
    column = sources if isinstance(sources, range) else as_array("L", sources)
    return cast("Sequence[SourceIndex]", column)


def file_count_of(names: Sequence[bytes]) -> int:
    """Return how many names are of files: those of directories end with a slash."""
    directories = (b"\0".join((*piece, b"")).count(b"/\0") for piece in in_pieces(names))
    return len(names) - sum(directories)


class Offsets(NamedTuple):
    """Where the headers stand, and whether all of them are plain; see `ArchiveLayout`."""

    local: array[int]
    central: array[int]
    is_plain: bool


def offsets_of(
    names: Sequence[bytes], sizes: array[int], modes: array[int], mtimes_s: Sequence[int]
) -> Offsets:
    """Return where the headers of entries stand; `modes` are the archived ones."""
    is_plain = headers.are_plain(sizes, modes, mtimes_s)
    local_lengths = as_array(
        "L", headers.local_file_header_lengths(names, sizes, modes, mtimes_s, is_plain=is_plain)
    )
    local = as_array("Q", accumulate(map(add, local_lengths, sizes), initial=0))
    is_plain = is_plain and local[-1] < MAX_32
    central_lengths = headers.central_directory_header_lengths(
        local_lengths, sizes, local, is_plain=is_plain
    )
    central = as_array("Q", accumulate(central_lengths, initial=local[-1]))
    return Offsets(local, central, is_plain)


def columns_of(
    listing: Listing, sources: Sequence[SourceIndex]
) -> tuple[array[int], array[int], array[int]]:
    """Return the sizes, mtimes and modes of sources; the listing's own columns where they fit."""
    if is_all_in_order(sources, listing):
        return listing.sizes, listing.mtimes_ns, listing.modes
    return (
        as_array("Q", map(listing.sizes.__getitem__, sources)),
        as_array("q", map(listing.mtimes_ns.__getitem__, sources)),
        as_array("H", map(listing.modes.__getitem__, sources)),
    )


def archived_mode(name: bytes, mode: int) -> int:
    """Return the permission bits to archive.

    They lack set-id bits and let the owner use the copy.
    """
    owner = _OWNER_DIRECTORY if name.endswith(b"/") else _OWNER_FILE
    return mode & _PERMISSIONS | owner


def is_all_in_order(sources: Sequence[SourceIndex], listing: Listing) -> bool:
    """Return whether these are all sources in the listing's order, so columns can be shared."""
    if isinstance(sources, range):
        return sources == range(len(listing))
    return len(sources) == len(listing) and are_all_true(map(eq, sources, count()))


def seconds(times_ns: array[int]) -> Iterator[int]:
    """Yield the whole seconds of times in nanoseconds."""
    return map(floordiv, times_ns, repeat(NS_PER_S))


def archived_modes(names: Sequence[bytes], sizes: array[int], modes: array[int]) -> array[int]:
    """Return the permission bits to archive of all entries; see `archived_mode`."""
    found = distinct(modes)
    if least(sizes, default=1) and all(mode == archived_mode(b"", mode) for mode in found):
        return modes  # all are files, and their modes need no change
    return as_array("H", map(archived_mode, names, modes))


def large_entries_of(sizes: array[int], large_file_bytes: int) -> array[int]:
    """Return the entries of at least so many bytes."""
    if greatest(sizes, default=0) < large_file_bytes:
        return array("L")
    return array("L", (entry for entry, size in enumerate(sizes) if size >= large_file_bytes))
