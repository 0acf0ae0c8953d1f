"""The entries of an archive by the names that a query may give them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from archive_service.archive.errors import FileNotInAlbum
from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.listing import parents
from archive_service.archive.naming import NameRules, original_name
from archive_service.archive.segments import EntryIndex

_BEHIND_ALL = b"\xff"
"""Stands behind whatever follows in a name, which is UTF-8."""


class FileLookup:
    """Finds files by their names in the archive, or by those before they were made portable.

    For one thread at a time: what a query needs is made when it is first asked for.
    """

    def __init__(self, layout: ArchiveLayout, rules: NameRules) -> None:
        self._layout = layout
        self._names = layout.names
        self._rules = rules
        self._originals: Mapping[str, Sequence[EntryIndex]] | None = None

    def entries(self, files: Sequence[str]) -> Sequence[EntryIndex]:
        """Return what files name, and the directories above directories; raise FileNotInAlbum.

        A name with a trailing slash stands for a directory and all below it.
        """
        named = {entry for file in files for entry in self._named(file)}
        names = [self._names[entry] for entry in named]
        above = {up for name in names if name.endswith(b"/") for up in parents(name)}
        return sorted(named.union(*map(self._of_name, above)))

    def _named(self, file: str) -> Sequence[EntryIndex]:
        name = file.encode(errors="surrogatepass")  # with a surrogate it is in no archive
        found: Sequence[EntryIndex]
        if name.endswith(b"/"):
            found = [*self._below(name), *self._originals_below(file)]
        else:
            found = self._of_name(name) or self._by_original().get(file, ())
        if not found:
            raise FileNotInAlbum
        return found

    def _of_name(self, name: bytes) -> Sequence[EntryIndex]:
        at = bisect_left(self._names, name)
        is_there = at < len(self._names) and self._names[at] == name
        return [EntryIndex(at)] if is_there else []

    def _below(self, directory: bytes) -> Iterator[EntryIndex]:
        first = bisect_left(self._names, directory)
        stop = bisect_left(self._names, directory + _BEHIND_ALL, first)
        return map(EntryIndex, range(first, stop))

    def _originals_below(self, directory: str) -> Iterator[EntryIndex]:
        for original, entries in self._by_original().items():
            if original.startswith(directory):
                yield from entries

    def _by_original(self) -> Mapping[str, Sequence[EntryIndex]]:
        """Return the entries with another name before; several may have had one."""
        if self._originals is None:
            originals: defaultdict[str, list[EntryIndex]] = defaultdict(list)
            for entry, original in self._renamed():
                originals[original].append(entry)
            self._originals = dict(originals)
        return self._originals

    def _renamed(self) -> Iterator[tuple[EntryIndex, str]]:
        """Yield entries, with their names before, whose names before no entry has now."""
        paths, sources = self._layout.listing.paths, self._layout.sources
        for entry, (source, name) in enumerate(zip(sources, self._names, strict=True)):
            path = paths[source]
            if path == name and path.isascii():
                continue
            original = original_name(path, self._rules)
            if not self._of_name(original.encode()):
                yield EntryIndex(entry), original
