"""The entries of an archive by the names that a query may give them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from archive_service.archive.errors import FileNotInAlbum
from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.listing import parents
from archive_service.archive.naming import NameRules, original_name
from archive_service.archive.segments import EntryIndex

_BEHIND_ALL = b"\xff"
"""Stands behind whatever follows in a name, which is UTF-8."""


class FileLookup:
    """Finds files by their names in the archive, or else by their original names.

    For one thread at a time: what a query needs is made when it is first asked for.
    """

    def __init__(self, layout: ArchiveLayout, rules: NameRules) -> None:
        self._layout = layout
        self._names = layout.names
        self._rules = rules
        self._originals: _Originals | None = None

    def entries(self, files: Sequence[str]) -> Sequence[EntryIndex]:
        """Return what files name, and the directories above directories; raise FileNotInAlbum.

        A name with a trailing slash stands for a directory and all below it.
        """
        named = {entry for file in files for entry in self._named(file)}
        names = [self._names[entry] for entry in named]
        above = {up for name in names if name.endswith(b"/") for up in parents(name)}
        entries_above = (entry for up in above for entry in _equal(self._names, up))
        return sorted(named.union(map(EntryIndex, entries_above)))

    def _named(self, file: str) -> Sequence[EntryIndex]:
        name = file.encode(errors="surrogatepass")  # with a surrogate it is in no archive
        matches = _below if name.endswith(b"/") else _equal
        found = [EntryIndex(at) for at in matches(self._names, name)]
        if not found:
            originals = self._by_original()
            found = [originals.entries[at] for at in matches(originals.names, name)]
        if not found:
            raise FileNotInAlbum
        return found

    def _by_original(self) -> _Originals:
        if self._originals is None:
            renamed = sorted(self._renamed())
            self._originals = _Originals([name for name, _ in renamed], [at for _, at in renamed])
        return self._originals

    def _renamed(self) -> Iterator[tuple[bytes, EntryIndex]]:
        """Yield the renamed entries, each behind its original name."""
        paths, sources = self._layout.listing.paths, self._layout.sources
        for entry, (source, name) in enumerate(zip(sources, self._names, strict=True)):
            path = paths[source]
            if path == name and path.isascii():
                continue
            original = original_name(path, self._rules).encode()
            if original != name:
                yield original, EntryIndex(entry)


class _Originals(NamedTuple):
    """The original names of renamed entries, in the order of names; several may have the same."""

    names: Sequence[bytes]
    entries: Sequence[EntryIndex]


def _equal(ordered: Sequence[bytes], name: bytes) -> range:
    first = bisect_left(ordered, name)
    return range(first, bisect_right(ordered, name, first))


def _below(ordered: Sequence[bytes], directory: bytes) -> range:
    first = bisect_left(ordered, directory)
    return range(first, bisect_left(ordered, directory + _BEHIND_ALL, first))
