"""Which files and directories of an album a list names, as a tree of their names.

A name that is not found costs nothing: names are compared with those of a directory, and no system
call is made with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field


@dataclass(slots=True)
class WantedTree:
    """What is wanted of one directory."""

    files: set[bytes] = field(default_factory=set)
    """The names of files in it."""
    directories: dict[bytes, WantedTree] = field(default_factory=dict)
    """What is wanted of the directories in it, by name."""
    is_whole: bool = False
    """Whether all that the directory holds is wanted, at any depth."""

    @classmethod
    def of(cls, paths: Iterable[bytes]) -> WantedTree:
        """Make the tree of paths in an album; a trailing slash stands for a whole directory.

        The empty path stands for the whole album.
        """
        tree = cls()
        known = {b"": tree}
        for path in paths:
            directory, _, name = path.rpartition(b"/")
            wanted = known.get(directory) or tree._add(directory, known)
            if name:
                wanted.files.add(name)
            else:
                wanted.is_whole = True
        return tree

    def below(self, name: bytes) -> WantedTree | None:
        """Return what is wanted of a directory in this one; None stands for all of it."""
        found = self.directories.get(name, _NOTHING)
        return None if found.is_whole else found

    def kept(self, names: Iterable[bytes]) -> list[bytes]:
        """Return the names that are wanted, or lead to what is, in order."""
        wanted = self.names()
        return [name for name in names if name in wanted]

    def names(self) -> AbstractSet[bytes]:
        """Return the names of files and directories that are wanted or lead to what is."""
        return self.files | self.directories.keys()

    def includes(self, path: bytes) -> bool:
        """Return whether a file is wanted."""
        wanted, (*directories, name) = self, path.split(b"/")
        for directory in directories:
            if wanted.is_whole:
                return True
            wanted = wanted.directories.get(directory, _NOTHING)
        return wanted.is_whole or name in wanted.files

    def walk(self) -> Iterator[tuple[bytes, WantedTree]]:
        """Yield each directory of which something is wanted, with its path; stop at whole ones."""
        ahead = [(b"", self)]
        while ahead:
            path, wanted = ahead.pop()
            yield path, wanted
            if not wanted.is_whole:
                ahead += ((path + name + b"/", tree) for name, tree in wanted.directories.items())

    def _add(self, directory: bytes, known: dict[bytes, WantedTree]) -> WantedTree:
        wanted = self
        for name in directory.split(b"/"):
            wanted = wanted.directories.setdefault(name, WantedTree())
        known[directory] = wanted
        return wanted


_NOTHING = WantedTree()
