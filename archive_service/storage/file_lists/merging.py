"""The listing of a list: what was found in albums, under the names that the list gives."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, count
from typing import NamedTuple

from archive_service.archive.id import ArchiveId
from archive_service.archive.list_details import ListDetails
from archive_service.archive.listing import CHANGE_TOKEN_SIZE, Listing, parents
from archive_service.archive.naming import numbered
from archive_service.storage.base import Storage
from archive_service.storage.file_lists.list_model import ListBroken
from archive_service.storage.file_lists.parsed_list import FileList

_TEXT_MODE = 0o644
_NO_TOKEN = bytes(CHANGE_TOKEN_SIZE)
_FIRST_NUMBER = 2
_MOST_UPLOADS = 64
Found = Mapping[ArchiveId, Listing | None]
"""What was found of what a list wants of each album; None for a missing album."""


class _Row(NamedTuple):
    """An entry of the archive: its name, and the row of what was found that it is."""

    name: bytes
    row: int


def resolved(albums: Storage, archive: ArchiveId, wanted: FileList, *, changed_ns: int) -> Listing:
    """List what a list wants of albums; see `merged`; raise StorageUnavailable as well."""
    found = dict(zip(wanted.wanted, albums.select(archive, wanted.wanted), strict=True))
    return merged(wanted, found, changed_ns=changed_ns)


def merged(wanted: FileList, found: Found, *, changed_ns: int) -> Listing:
    """Return the listing of a list that was changed at a Unix time.

    A text has the time of the newest file, so that a list written anew makes no other archive.
    Raise ListBroken where a file is missing and the list does not skip it.
    """
    rows = _Rows(wanted, found, changed_ns)
    named = sorted(rows.named())
    order = [row for _, row in named]
    listings = [listing for listing in found.values() if listing]
    texts = {source: rows.texts[row] for source, row in enumerate(order) if row in rows.texts}
    origins = list(map(rows.origins.__getitem__, order))
    return Listing(
        [name for name, _ in named],
        list(map(rows.locations.__getitem__, order)),
        array("Q", map(rows.sizes.__getitem__, order)),
        array("q", map(rows.mtimes_ns.__getitem__, order)),
        array("H", map(rows.modes.__getitem__, order)),
        b"".join(map(rows.token, order)),
        max([changed_ns, *(listing.newest_change_ns for listing in listings)]),
        max([0, *(listing.newest_mtime_ns for listing in listings)]),
        is_of_objects=any(listing.is_of_objects for listing in listings),
        newest_upload_ns=max((listing.newest_upload_ns for listing in listings), default=0),
        uploads=_uploads(found),
        has_litter=any(listing.has_litter for listing in listings),
        listed=ListDetails(origins, texts, rows.missing, wanted.download_name),
    )


class _Rows:
    """What was found in all albums, one row a file or directory, and the texts behind it."""

    def __init__(self, wanted: FileList, found: Found, changed_ns: int) -> None:
        self.origins: list[bytes] = []
        self.locations: list[bytes] = []
        self.sizes, self.mtimes_ns, self.modes = array("Q"), array("q"), array("H")
        self.missing: list[str] = []
        self.texts: dict[int, bytes] = {}
        self._wanted = wanted
        self._tokens = bytearray()
        self._albums = {
            os.fsencode(album.value) for album, listing in found.items() if listing is not None
        }
        for album, listing in found.items():
            if listing is not None:
                self._add(os.fsencode(album.value) + b"/", listing)
        paths = zip(self.origins, self.mtimes_ns, strict=True)
        of_files = (mtime_ns for origin, mtime_ns in paths if not origin.endswith(b"/"))
        self._text_mtime_ns = max(of_files, default=changed_ns)

    def token(self, row: int) -> bytes:
        """Return the change token of a row."""
        return bytes(self._tokens[row * CHANGE_TOKEN_SIZE : (row + 1) * CHANGE_TOKEN_SIZE])

    def named(self) -> Iterator[_Row]:
        """Yield the entries of the archive, each name once; raise ListBroken."""
        rows = list(self._all_named())
        taken = {name for name, _ in rows}
        seen: set[bytes] = set()
        numbers: defaultdict[bytes, Iterator[int]] = defaultdict(lambda: count(_FIRST_NUMBER))
        for name, row in chain(rows, self._parents(rows, taken)):
            if name not in seen:
                seen.add(name)
                yield _Row(name, row)
            elif not name.endswith(b"/"):  # two empty directories of one name are one
                other = next(
                    other
                    for number in numbers[name]
                    if (other := _numbered(name, number)) not in taken
                )
                taken.add(other)
                yield _Row(other, row)

    def _add(self, album: bytes, listing: Listing) -> None:
        self.origins += [album + path for path in listing.paths]
        if listing.is_of_objects:  # their locations are entity tags
            self.locations += listing.locations
        else:
            self.locations += [album + location for location in listing.locations]
        self.sizes += listing.sizes
        self.mtimes_ns += listing.mtimes_ns
        self.modes += listing.modes
        self._tokens += listing.change_tokens

    def _all_named(self) -> Iterator[_Row]:
        """Yield the entries in the order of the list."""
        for number, origin in enumerate(self._wanted.origins):
            name = self._wanted.names[number]
            if not origin:
                yield _Row(name, self._add_text(self._wanted.texts[number]))
            elif origin.endswith(b"/"):
                yield from self._below(origin, name, number)
            elif origin in self._by_origin:
                yield _Row(name, self._by_origin[origin])
            else:
                self._miss(name, number)

    def _below(self, origin: bytes, name: bytes, number: int) -> Iterator[_Row]:
        """Yield all that a directory holds, and the directory itself where it is empty."""
        paths = self._sorted
        first = bisect_left(paths, origin)
        found = paths[first : bisect_left(paths, origin[:-1] + b"0")]  # `0` follows `/`
        if not found and origin[:-1] not in self._albums:
            self._miss(name, number)
        for path in found:
            if below := name + path[len(origin) :]:  # an album itself has no name
                yield _Row(below, self._by_origin[path])

    def _parents(self, rows: Sequence[_Row], taken: set[bytes]) -> Iterator[_Row]:
        """Yield the directories above empty ones: some readers create none."""
        for name, row in rows:
            if name.endswith(b"/"):
                yield from (_Row(above, row) for above in parents(name) if above not in taken)

    def _miss(self, name: bytes, number: int) -> None:
        if not self._wanted.skips_missing:
            raise ListBroken("missing", "path: there is no such file", number)
        self.missing.append(name.decode())  # of the list, which is UTF-8

    def _add_text(self, text: bytes) -> int:
        row = len(self.origins)
        self.origins.append(b"")
        self.locations.append(b"")
        self.sizes.append(len(text))
        self.mtimes_ns.append(self._text_mtime_ns)
        self.modes.append(_TEXT_MODE)
        self._tokens += _NO_TOKEN
        self.texts[row] = text
        return row

    @cached_property
    def _by_origin(self) -> dict[bytes, int]:
        return {origin: row for row, origin in enumerate(self.origins) if origin}

    @cached_property
    def _sorted(self) -> list[bytes]:
        return sorted(self._by_origin)


def _numbered(name: bytes, number: int) -> bytes:
    directory, slash, base = name.rpartition(b"/")
    encoding = "utf-8" if _is_utf8(base) else "latin-1"
    return directory + slash + numbered(base.decode(encoding), number).encode(encoding)


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
        if listing
        for path in listing.uploads
    ][:_MOST_UPLOADS]
