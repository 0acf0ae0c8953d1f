"""The keys of an album as a tree of files and directories.

A key is no path: it may be `a//b` or `../c`, and `a` may be an object beside `a/b`.  All of them
are listed as they are, and `archive.naming` gives each a name that can be unpacked.  A key that is
not UTF-8 is left out and reported, because no client can request it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import chain, groupby
from operator import itemgetter

from archive_service.archive.errors import AlbumArchived
from archive_service.archive.listing import CHANGE_TOKEN_SIZE, Listing, held_ns, parent, parents
from archive_service.archive.units import NS_PER_S
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.s3.answer_checks import Found
from archive_service.storage.wanted_tree import WantedTree

FILE_MODE, DIRECTORY_MODE = 0o644, 0o755
"""Objects have no permission bits; these are the usual ones of files."""
_ROOT = b""
_NO_TIME_S = 0
_FEW_FILES = 4
"""Up to this number, files of a directory are asked for one by one: it may hold thousands more."""


class Tree:
    """Collects the objects of an album whose keys begin with `prefix`.

    `on_skipped` is called with a short fixed phrase, the reason why an object is left out.
    Directories are paths that end in a slash; the album itself is the empty path.
    """

    def __init__(
        self, prefix: bytes, exclusion: Exclusion, on_skipped: Callable[[str], None]
    ) -> None:
        self._prefix_size = len(prefix)
        self._exclusion = exclusion
        self._on_skipped = on_skipped
        self._members: dict[bytes, dict[str, Found]] = {}
        """The objects in each directory that is kept, by name."""
        self._is_excluded = {_ROOT: False}
        self._is_litter = {_ROOT: False}
        self._newest_s: dict[bytes, int] = {}
        """The newest change of an object directly in each directory, Unix seconds.

        Litter has no time of its own: it may be made anew while the album stays what it is."""

    def __bool__(self) -> bool:
        """Return whether the album exists: whether it has any key."""
        return bool(self._newest_s)

    def add(self, objects: Iterable[Found]) -> None:
        """Collect objects."""
        named = filter(None, map(self._named, objects))
        for directory, group in groupby(named, itemgetter(0)):
            members = list(group)
            newest_s = self._newest_change_s(directory, members)
            self._newest_s[directory] = max(newest_s, self._newest_s.get(directory, newest_s))
            if _is_below(directory, self._exclusion.matches, self._is_excluded):
                continue
            # An object with an empty name stands for the directory itself.
            named_members = ((name, found) for _, name, found in members if name)
            self._members.setdefault(directory, {}).update(named_members)

    def listing(self, wanted: WantedTree | None = None) -> Listing:
        """Return the listing: files, empty directories and the parents of these.

        `wanted` are the files that a list names, and others are left out.
        Raise AlbumArchived if a file must be restored before it can be read.
        """
        found_files = self._kept_files(wanted)
        if any(found.is_archived for found in found_files.values()):
            raise AlbumArchived
        times_s = self._times_s()
        kept = [
            directory for directory, is_excluded in self._is_excluded.items() if not is_excluded
        ]
        filled = {_ROOT, *map(parent, found_files), *map(parent, kept)}
        empty = {directory for directory in kept if directory not in filled}
        named = chain(found_files, empty, chain.from_iterable(map(parents, empty)))
        paths = sorted(dict.fromkeys(named))  # not a set: they are nearly sorted
        files = [found_files.get(path) for path in paths]
        etags = [found.etag if found else b"" for found in files]
        modified_s = (
            found.modified_s if found else times_s[path]
            for path, found in zip(paths, files, strict=True)
        )
        newest_ns = max(0, held_ns(times_s[_ROOT] * NS_PER_S))
        return Listing(
            paths,
            etags,
            array("Q", (found.size if found else 0 for found in files)),
            array("q", (held_ns(each_s * NS_PER_S) for each_s in modified_s)),
            array("H", (FILE_MODE if found else DIRECTORY_MODE for found in files)),
            b"".join(map(_change_token, etags)),
            newest_ns,
            newest_ns,
            is_of_objects=True,
        )

    def _kept_files(self, wanted: WantedTree | None) -> dict[bytes, Found]:
        """Return the files by path: what lies beside one may show that it is unfinished."""
        found_files = {
            members[name].key[self._prefix_size :]: members[name]
            for members in self._members.values()
            for name in self._exclusion.kept(list(members))
        }
        if wanted is None:
            return found_files
        return {path: found for path, found in found_files.items() if wanted.includes(path)}

    def _named(self, found: Found) -> tuple[bytes, str, Found] | None:
        """Return the directory and the name of an object; None if it is left out."""
        directory, slash, name = found.key[self._prefix_size :].rpartition(b"/")
        try:
            directory.decode()
            return directory + slash, name.decode(), found
        except UnicodeDecodeError:
            self._on_skipped("not UTF-8")
            return None

    def _newest_change_s(
        self, directory: bytes, members: Iterable[tuple[bytes, str, Found]]
    ) -> int:
        if _is_below(directory, self._exclusion.is_litter, self._is_litter):
            return _NO_TIME_S
        times_s = (
            found.modified_s for _, name, found in members if not self._exclusion.is_litter(name)
        )
        return max(times_s, default=_NO_TIME_S)

    def _times_s(self) -> dict[bytes, int]:
        """Return the newest change in each directory and everything below it."""
        times_s = dict(self._newest_s)
        for directory in sorted({*self._is_excluded, *times_s}, key=len, reverse=True):
            if directory:
                above = parent(directory)
                times_s[above] = max(times_s.get(above, _NO_TIME_S), times_s[directory])
        return times_s


def lookups(wanted: WantedTree) -> Iterator[tuple[bytes, bool]]:
    """Yield what the keys of wanted files begin with, and whether keys with more slashes count.

    What lies beside a file may show that it is unfinished, and has a name that begins with its own.
    """
    for path, tree in wanted.walk():
        if tree.is_whole:
            yield path, True
        elif len(tree.files) > _FEW_FILES:
            yield path, False
        else:
            yield from ((path + name, False) for name in tree.files)


def _is_below(directory: bytes, matches: Callable[[str], bool], known: dict[bytes, bool]) -> bool:
    """Return whether a directory, or one above it, has a name that matches; note it in `known`."""
    if directory not in known:
        above = parent(directory)
        name = directory[len(above) : -1].decode()
        known[directory] = _is_below(above, matches, known) or matches(name)
    return known[directory]


def _change_token(etag: bytes) -> bytes:
    return blake2b(etag, digest_size=CHANGE_TOKEN_SIZE).digest()
