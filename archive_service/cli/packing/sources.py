"""Collects the files of the command line into one listing, and names them in the archive.

A named file is packed under its base name, a named directory under its base name with everything
below it.  A path that ends in `.` or `..` goes by the base name of what it resolves to; the root
directory, which has none, goes by "root".  A named link is followed; links within a directory are
left out.  The paths of the listing are absolute and free of links, so that files are opened the way
`storage.local` opens them.
"""

from __future__ import annotations

import os
import stat
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from archive_service.archive.errors import StorageUnavailable
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.archive.naming import NameRules, NumberedNames, archive_names, collision_key
from archive_service.cli.packing.pack_errors import PackingRefused
from archive_service.cli.packing.saved_file import Identity
from archive_service.storage.concurrency import InFlight
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.walk import MAX_DEPTH, FileFilter, Walk, are_regular

OnLeftOut = Callable[[bytes, str], None]
"""Called with each path that is left out, and the reason."""

_NAME_OF_ROOT = b"root"
_ALL_MAY_READ = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_REFUSALS = {
    "too deep": f"directories nested deeper than {MAX_DEPTH}; pack them in parts",
    "file too large": "has a file of an impossible size",
    "changing": "is being changed; try again",
}
_SPECIAL = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Root(NamedTuple):
    """A file or directory of the command line."""

    given: bytes
    """As it was named, without trailing slashes."""
    path: bytes
    """Absolute and free of links, without trailing slashes."""
    name: bytes
    """The base name."""
    is_directory: bool
    first_source: SourceIndex
    """The sources of a root follow one another."""


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """A listing and its roots, each with at least one source."""

    listing: Listing
    roots: Sequence[Root]

    def given(self, source: SourceIndex) -> bytes:
        """Return the path of a source as it was given on the command line."""
        root = self.roots[bisect_right(self.roots, source, key=_first_source) - 1]
        return _given(root, self.listing.paths[source])

    def renamed(self, root_names: Sequence[bytes]) -> list[bytes]:
        """Return the path of each source, below the new names of the roots."""
        stops = [*(root.first_source for root in self.roots[1:]), len(self.listing)]
        return [
            name + path[len(root.path) :]
            for name, root, stop in zip(root_names, self.roots, stops, strict=True)
            for path in self.listing.paths[root.first_source : stop]
        ]


def collect(
    arguments: Sequence[str],
    in_flight: InFlight,
    *,
    output: Identity | None,
    on_left_out: OnLeftOut,
) -> Sources:
    """Collect the named files and directories, without the file `output`.

    Raise PackingRefused if a path is missing, can't be read, or is no file or directory, or if
    nothing is left to pack.
    """
    collection = _Collection(in_flight, output, on_left_out)
    for argument in arguments:
        collection.add(argument)
    if not len(collection.walk):
        raise PackingRefused(os.fsencode(arguments[0]), "nothing is left to pack")
    return Sources(collection.walk.listing(), collection.roots)


class _Collection:
    def __init__(
        self, in_flight: InFlight, output: Identity | None, on_left_out: OnLeftOut
    ) -> None:
        file_filter = FileFilter(self.accepts, self.accepts_all)
        self.walk = Walk(Exclusion(()), file_filter, in_flight=in_flight)
        self.roots: list[Root] = []
        self._output = output
        self._on_left_out = on_left_out
        self._named: set[tuple[bytes, bytes]] = set()

    def add(self, argument: str) -> None:
        given = os.fsencode(argument).rstrip(b"/") or os.fsencode(argument)[:1]
        try:
            status = os.stat(argument)  # noqa: PTH116 - Path("") is the current directory
            path = Path(argument).resolve(strict=True)
        except (OSError, ValueError) as error:
            raise PackingRefused(given, _reason(error)) from None
        is_directory = stat.S_ISDIR(status.st_mode)
        name = _base_name(given, path)
        root = Root(
            given, bytes(path).rstrip(b"/"), name, is_directory, SourceIndex(len(self.walk))
        )
        if (root.path, root.name) in self._named:
            return
        self._named.add((root.path, root.name))
        self.roots.append(root)
        if is_directory:
            self._add_directory(path)
        else:
            self._add_file(root, status)
        if len(self.walk) == root.first_source:
            self.roots.pop()

    def _add_directory(self, path: Path) -> None:
        try:
            self.walk.tree(path)
        except OSError as error:
            raise PackingRefused(self._given(self.walk.reached), _reason(error)) from None
        except StorageUnavailable as error:
            raise PackingRefused(self._given(self.walk.reached), _REFUSALS[error.reason]) from None

    def _add_file(self, root: Root, status: os.stat_result) -> None:
        special = _SPECIAL.get(stat.S_IFMT(status.st_mode))
        if special:
            raise PackingRefused(root.given, f"is {special}; only files and directories are packed")
        if self.accepts(root.path, status.st_mode, status.st_ino):
            self.walk.file(root.path, status)

    def accepts_all(self, modes: AbstractSet[int], inodes: array[int]) -> bool:
        """Return whether it is certain that all files of a directory are packed."""
        if self._output is not None and self._output.inode in inodes:
            return False
        return are_regular(modes, inodes) and all(map(_may_be_read, modes))

    def accepts(self, path: bytes, mode: int, inode: int) -> bool:
        """Return whether a file is packed; report the reason if not."""
        special = _SPECIAL.get(stat.S_IFMT(mode))
        if special:
            self._on_left_out(self._given(path), f"is {special}")
            return False
        if self._is_output(path, inode):
            self._on_left_out(self._given(path), "is the archive itself")
            return False
        # Better now than after gigabytes.  Opening the file later may still fail.
        if not (_may_be_read(mode) or os.access(path, os.R_OK)):
            raise PackingRefused(self._given(path), "can't be read: Permission denied")
        return True

    def _is_output(self, path: bytes, inode: int) -> bool:
        output = self._output
        # Checking each file again would take as long as listing it.
        if output is None or inode != output.inode:
            return False
        return output == Identity.of(os.lstat(path))

    def _given(self, path: bytes) -> bytes:
        return _given(self.roots[-1], path)


def _may_be_read(mode: int) -> bool:
    return mode & _ALL_MAY_READ == _ALL_MAY_READ


def _given(root: Root, path: bytes) -> bytes:
    return root.given.rstrip(b"/") + path[len(root.path) :]


def _base_name(given: bytes, path: Path) -> bytes:
    name = given.rpartition(b"/")[2]
    if name in (b"", b".", b".."):
        return os.fsencode(path.name) or _NAME_OF_ROOT
    return name


def _first_source(root: Root) -> SourceIndex:
    return root.first_source


def _reason(error: OSError | ValueError) -> str:
    text = error.strerror if isinstance(error, OSError) else "no possible name"
    return f"can't be read: {text}"


def packed_names(sources: Sources, rules: NameRules) -> list[bytes]:
    """Return the name in the archive of each source, UTF-8."""
    return archive_names(sources.renamed(_distinct_names(sources.roots, rules)), rules)


def _distinct_names(roots: Sequence[Root], rules: NameRules) -> list[bytes]:
    """Return names that stay distinct on every disk that the rules support.

    Of several with one base name the first on the command line keeps it, the next gets " (2)", then
    " (3)" ...: before the extension of a file, after the name of a directory.
    """
    key = partial(collision_key, rules=rules)
    taken: set[str] = set()
    numbered_names, names = NumberedNames(taken), []
    for root in roots:
        name = archive_names([root.name], rules)[0].decode()
        if key(name) in taken:
            slash = "/" if root.is_directory else ""
            name = numbered_names.take(name + slash, key).removesuffix("/")
        taken.add(key(name))
        names.append(name.encode())
    return names
