"""The listing of a list: what was found in albums, under the names that the list gives."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from itertools import chain, count
from operator import eq
from typing import NamedTuple

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import CHANGE_TOKEN_SIZE, ListDetails, Listing, parents
from archive_service.archive.naming import NumberedNames
from archive_service.storage.base import Storage
from archive_service.storage.file_lists.list_contents import FileList
from archive_service.storage.file_lists.list_model import ListBroken
from archive_service.storage.file_lists.list_place import ListTimes
from archive_service.storage.local.listing_builder import MOST_UPLOADS

_TEXT_MODE = 0o644
Found = Mapping[ArchiveId, Listing | None]
"""What was found of what a list wants of each album; None for a missing album."""


class _Named(NamedTuple):
    """Entries of an archive."""

    names: list[bytes]
    rows: list[int]
    """The row of each in what was found."""


def resolved(albums: Storage, archive: ArchiveId, wanted: FileList, *, times: ListTimes) -> Listing:
    """List what a list wants of albums; see `merged`; raise StorageUnavailable as well."""
    found = dict(zip(wanted.wanted, albums.select(archive, wanted.wanted), strict=True))
    return merged(wanted, found, times=times)


def merged(wanted: FileList, found: Found, *, times: ListTimes) -> Listing:
    """Return the listing of a list.

    A text has the time of the newest file, so that a list written anew makes no other archive.
    Raise ListBroken where a file is missing and the list does not skip it.
    """
    rows = _Rows(wanted, found, times)
    named = rows.named()
    columns = rows.columns(named.rows)
    texts = rows.texts and {
        source: rows.texts[row] for source, row in enumerate(named.rows) if row in rows.texts
    }
    listings = [listing for listing in found.values() if listing is not None]
    return Listing(
        named.names,
        columns.locations,
        columns.sizes,
        columns.mtimes_ns,
        columns.modes,
        columns.tokens,
        max([times.changed_ns, *(listing.newest_change_ns for listing in listings)]),
        max([times.modified_ns, *(listing.newest_mtime_ns for listing in listings)]),
        is_of_objects=any(listing.is_of_objects for listing in listings),
        newest_upload_ns=max((listing.newest_upload_ns for listing in listings), default=0),
        uploads=_uploads(found),
        has_litter=any(listing.has_litter for listing in listings),
        listed=ListDetails(columns.origins, texts, rows.missing, wanted.download_name),
    )


class _Columns:
    """The columns of files and directories; a row is one of them."""

    def __init__(self) -> None:
        self.origins: list[bytes] = []
        self.locations: list[bytes] = []
        self.sizes, self.mtimes_ns, self.modes = array("Q"), array("q"), array("H")
        self.tokens = b""

    def taken(self, rows: Sequence[int]) -> _Columns:
        """Return the columns of some rows, in the order given."""
        if len(rows) == len(self.origins) and all(map(eq, rows, count())):
            return self
        made = _Columns()
        made.origins = list(map(self.origins.__getitem__, rows))
        made.locations = list(map(self.locations.__getitem__, rows))
        made.sizes = array("Q", map(self.sizes.__getitem__, rows))
        made.mtimes_ns = array("q", map(self.mtimes_ns.__getitem__, rows))
        made.modes = array("H", map(self.modes.__getitem__, rows))
        halves = array("Q", self.tokens)  # a slice for each would take five times as long
        pairs = array("Q", bytes(CHANGE_TOKEN_SIZE * len(rows)))
        pairs[0::2] = array("Q", map(halves[0::2].__getitem__, rows))
        pairs[1::2] = array("Q", map(halves[1::2].__getitem__, rows))
        made.tokens = pairs.tobytes()
        return made


class _Rows:
    """What was found in all albums, one row a file or directory, and the texts behind it."""

    def __init__(self, wanted: FileList, found: Found, times: ListTimes) -> None:
        self.missing: list[str] = []
        self.texts: dict[int, bytes] = {}
        self._wanted = wanted
        self._columns = _Columns()
        self._albums = {
            os.fsencode(album.value): listing
            for album, listing in found.items()
            if listing is not None
        }
        for album, listing in self._albums.items():
            self._add(album + b"/", listing)
        self._columns.tokens = b"".join(each.change_tokens for each in self._albums.values())
        self._add_texts(times.modified_ns)

    def columns(self, rows: Sequence[int]) -> _Columns:
        """Return the columns of some rows."""
        return self._columns.taken(rows)

    def named(self) -> _Named:
        """Return the entries of the archive in the order of their names; raise ListBroken."""
        if self._wanted.order is not None:
            rows = list(map(self._by_origin.get, self._wanted.sorted_origins))
            found = [row for row in rows if row is not None]
            if len(found) == len(rows):
                return _Named(self._wanted.sorted_names, found)
        return _distinct(self._all_named())

    def _add(self, album: bytes, listing: Listing) -> None:
        columns = self._columns
        origins = [album + path for path in listing.paths]
        columns.origins += origins
        if listing.is_of_objects:  # their locations are entity tags
            columns.locations += listing.locations
        elif listing.locations is listing.paths:
            columns.locations += origins
        else:
            columns.locations += [album + location for location in listing.locations]
        columns.sizes += listing.sizes
        columns.mtimes_ns += listing.mtimes_ns
        columns.modes += listing.modes

    def _add_texts(self, modified_ns: int) -> None:
        columns = self._columns
        if not self._wanted.texts:
            return
        paths = zip(columns.origins, columns.mtimes_ns, strict=True)
        of_files = (mtime_ns for origin, mtime_ns in paths if not origin.endswith(b"/"))
        mtime_ns = max(of_files, default=modified_ns)
        for number, text in self._wanted.texts.items():
            self.texts[len(columns.origins)] = text
            columns.origins.append(self._wanted.origins[number])
            columns.locations.append(b"")
            columns.sizes.append(len(text))
            columns.mtimes_ns.append(mtime_ns)
            columns.modes.append(_TEXT_MODE)
        columns.tokens += bytes(CHANGE_TOKEN_SIZE * len(self._wanted.texts))

    def _all_named(self) -> _Named:
        """Return the entries in the order of the list; a name may be there several times."""
        named = _Named([], [])
        for number, origin in enumerate(self._wanted.origins):
            name = self._wanted.names[number]
            if origin.endswith(b"/"):
                self._add_below(named, origin, name, number)
            elif origin in self._by_origin:
                named.names.append(name)
                named.rows.append(self._by_origin[origin])
            else:
                self._miss(name, number)
        return named

    def _add_below(self, named: _Named, origin: bytes, name: bytes, number: int) -> None:
        """Add all that a directory holds, and the directory itself where it is empty."""
        paths = self._sorted
        first = bisect_left(paths, origin)
        found = paths[first : bisect_left(paths, origin[:-1] + b"0")]  # `0` follows `/`
        if not found and origin[:-1] not in self._albums:
            self._miss(name, number)
        if not name and found[:1] == [origin]:  # what is empty and at the top has no name
            found = found[1:]
        named.names.extend(name + path[len(origin) :] for path in found)
        named.rows.extend(map(self._by_origin.__getitem__, found))

    def _miss(self, name: bytes, number: int) -> None:
        if not self._wanted.skips_missing:
            raise ListBroken("missing", "path: there is no such file", number)
        self.missing.append(name.decode() or "/")  # of the list, which is UTF-8

    @cached_property
    def _by_origin(self) -> dict[bytes, int]:
        return dict(zip(self._columns.origins, count(), strict=False))

    @cached_property
    def _sorted(self) -> list[bytes]:
        return sorted(self._by_origin)


def _distinct(named: _Named) -> _Named:
    """Return entries in the order of their names, each name once."""
    taken = set(named.names)
    if len(taken) < len(named.names) or any(name.endswith(b"/") for name in taken):
        entries = list(_renamed(named, taken))
        named = _Named([name for name, _ in entries], [row for _, row in entries])
    order = sorted(range(len(named.names)), key=named.names.__getitem__)
    return _Named([named.names[each] for each in order], [named.rows[each] for each in order])


def _renamed(named: _Named, taken: set[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield names and rows, with numbers for equal names, and with the parents of directories."""
    seen: set[bytes] = set()
    numbered_names = NumberedNames(taken)
    entries = zip(named.names, named.rows, strict=True)
    for name, row in chain(entries, _parents(named, taken)):
        if name not in seen:
            seen.add(name)
            yield name, row
        elif not name.endswith(b"/"):  # two empty directories of one name are one
            yield _numbered(name, numbered_names), row


def _parents(named: _Named, taken: AbstractSet[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield the directories above empty ones: some readers create none."""
    for name, row in zip(named.names, named.rows, strict=True):
        if name.endswith(b"/"):
            yield from ((above, row) for above in parents(name) if above not in taken)


def _numbered(name: bytes, numbered_names: NumberedNames[bytes]) -> bytes:
    directory, slash, base = name.rpartition(b"/")
    encoding = "utf-8" if _is_utf8(base) else "latin-1"

    def path(base: str) -> bytes:
        return directory + slash + base.encode(encoding)

    return path(numbered_names.take(base.decode(encoding), path))


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _uploads(found: Found) -> list[bytes]:
    """Return the paths of what looks like uploads, below the root."""
    return [
        os.fsencode(album.value) + b"/" + path
        for album, listing in found.items()
        if listing is not None
        for path in listing.uploads
    ][:MOST_UPLOADS]
