"""The keys of an album as a tree of files and directories.

A key is no path: it may be `a//b` or `../c`, and `a` may be an object beside `a/b`.  All of them
are listed as they are, and `archive.naming` gives each a name that can be unpacked.  A key that is
not UTF-8 is left out and reported, because no client can request it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import chain, groupby
from operator import itemgetter

from archive_service.archive.errors import AlbumArchived
from archive_service.archive.listing import CHANGE_TOKEN_SIZE, Listing, held_ns, parent, parents
from archive_service.storage.exclusion import Exclusion
from archive_service.storage.s3.objects import Found

FILE_MODE, DIRECTORY_MODE = 0o644, 0o755
"""Objects have no permission bits; these are the usual ones of files."""
_NS_PER_S = 1_000_000_000
_ROOT = b""


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
        self._files: dict[bytes, Found] = {}
        self._is_kept = {_ROOT: True}
        self._newest_s: dict[bytes, int] = {}
        """The newest change of an object directly in each directory, Unix seconds."""

    def __bool__(self) -> bool:
        """Return whether the album exists: whether it has any key."""
        return bool(self._newest_s)

    def add(self, objects: Iterable[Found]) -> None:
        """Collect objects."""
        named = filter(None, map(self._named, objects))
        for directory, group in groupby(named, itemgetter(0)):
            members = list(group)
            newest_s = max(found.modified_s for _, _, found in members)
            self._newest_s[directory] = max(newest_s, self._newest_s.get(directory, newest_s))
            if not self._keeps(directory):
                continue
            # An object with an empty name stands for the directory itself.
            kept = set(self._exclusion.kept([name for _, name, _ in members if name]))
            for _, name, found in members:
                if name in kept:
                    self._files[found.key[self._prefix_size :]] = found

    def listing(self) -> Listing:
        """Return the listing: files, empty directories and the parents of these.

        Raise AlbumArchived if a file must be restored before it can be read.
        """
        if any(found.is_archived for found in self._files.values()):
            raise AlbumArchived
        times_s = self._times_s()
        kept = [directory for directory, is_kept in self._is_kept.items() if is_kept]
        filled = {_ROOT, *map(parent, self._files), *map(parent, kept)}
        empty = {directory for directory in kept if directory not in filled}
        paths = sorted({*self._files, *empty, *chain.from_iterable(map(parents, empty))})
        files = [self._files.get(path) for path in paths]
        rows = [
            (found.size, found.modified_s, FILE_MODE, found.etag)
            if found
            else (0, times_s[path], DIRECTORY_MODE, b"")
            for path, found in zip(paths, files, strict=True)
        ]
        newest_ns = max(0, held_ns(times_s[_ROOT] * _NS_PER_S))
        return Listing(
            paths,
            [etag for *_, etag in rows],
            array("Q", (size for size, *_ in rows)),
            array("q", (held_ns(modified_s * _NS_PER_S) for _, modified_s, *_ in rows)),
            array("H", (mode for _, _, mode, _ in rows)),
            b"".join(_change_token(etag) for *_, etag in rows),
            newest_ns,
            newest_ns,
            is_of_objects=True,
        )

    def _named(self, found: Found) -> tuple[bytes, str, Found] | None:
        """Return the directory and the name of an object; None if it is left out."""
        directory, slash, name = found.key[self._prefix_size :].rpartition(b"/")
        try:
            directory.decode()
            return directory + slash, name.decode(), found
        except UnicodeDecodeError:
            self._on_skipped("not UTF-8")
            return None

    def _keeps(self, directory: bytes) -> bool:
        """Return whether a directory is archived: no name in its path is excluded."""
        if directory not in self._is_kept:
            above = parent(directory)
            name = directory[len(above) : -1].decode()
            self._is_kept[directory] = self._keeps(above) and not self._exclusion.matches(name)
        return self._is_kept[directory]

    def _times_s(self) -> dict[bytes, int]:
        """Return the newest change in each directory and everything below it."""
        times_s = dict(self._newest_s)
        for directory in sorted({*self._is_kept, *times_s}, key=len, reverse=True):
            if directory:
                above = parent(directory)
                times_s[above] = max(times_s.get(above, 0), times_s[directory])
        return times_s


def _change_token(etag: bytes) -> bytes:
    return blake2b(etag, digest_size=CHANGE_TOKEN_SIZE).digest()
