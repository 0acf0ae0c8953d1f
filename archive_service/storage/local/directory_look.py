"""One look at a directory: its names, and the `stat` of each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from archive_service.archive.errors import AlbumInMotion
from archive_service.storage.excluded_names import Exclusion, SortedNames
from archive_service.storage.local.native import NativeCalls
from archive_service.storage.local.stat_record import ROW, SIZE, row
from archive_service.storage.wanted_tree import WantedTree

_TRIES = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A directory in a walk.  Both paths are empty or end with a slash."""

    prefix: bytes = b""
    """What the paths of a listing begin with."""
    location: bytes = b""
    """Where it is; another path than the prefix below a link."""
    depth: int = 0
    wanted: WantedTree | None = None
    """The names to collect in it; None stands for all."""

    @property
    def is_linked(self) -> bool:
        """Whether a link led here."""
        return self.prefix != self.location

    def below(self, name: bytes, target: bytes | None) -> Place:
        """Return the place of a directory in this one, or of the target of a link in it."""
        location = self.location + name if target is None else target
        wanted = self.wanted and self.wanted.below(name)
        return Place(self.prefix + name + b"/", location + b"/", self.depth + 1, wanted)

    def kept(self, names: list[bytes]) -> list[bytes]:
        """Return the names in it that are wanted."""
        return names if self.wanted is None else self.wanted.kept(names)

    def leads_to(self, name: bytes) -> bool:
        """Return whether something below a directory in it is wanted."""
        return self.wanted is None or name in self.wanted.directories


@dataclass(frozen=True, slots=True)
class DirectoryLook:
    """What one look at a directory found; it stays open until what lies below is collected."""

    descriptor: int
    place: Place
    status: os.stat_result
    sorted_names: SortedNames
    names: list[bytes]
    rows: bytes
    uploads: list[bytes]
    """Names that are left out, but look like uploads."""
    upload_rows: bytes
    status_behind: os.stat_result
    """Its state once all was looked at."""
    is_prompt: bool
    """Whether its file system answers at once."""

    def without_placeholders(self) -> tuple[list[bytes], bytes]:
        """Return names and rows without the empty files that an upload holds its name with."""
        if not self.sorted_names.placeholders:
            return self.names, self.rows
        keeping = set(map(os.fsencode, self.sorted_names.placeholders))
        kept = [
            (name, ROW.pack(*fields))
            for name, fields in zip(self.names, ROW.iter_unpack(self.rows), strict=True)
            if fields[SIZE] or name not in keeping
        ]
        return [name for name, _ in kept], b"".join(row for _, row in kept)

    def close(self) -> None:
        """Close the directory."""
        os.close(self.descriptor)


def stable_names(descriptor: int, exclusion: Exclusion) -> tuple[SortedNames, os.stat_result]:
    """Return the names in a directory, and its state: they belong together.

    Raise AlbumInMotion where names keep coming and going.
    """
    for _ in range(_TRIES):
        status = os.fstat(descriptor)
        found = os.listdir(descriptor)
        if os.fstat(descriptor).st_ctime_ns == status.st_ctime_ns:
            return exclusion.sort(sorted(found)), status
    raise AlbumInMotion


def rows_of(directory: int, names: list[bytes], native: NativeCalls) -> tuple[list[bytes], bytes]:
    """Return the names that are still there, and their rows."""
    there: list[bytes] = []
    rows: list[bytes] = []
    while names:
        rows.append(native.stat_files(directory, names))
        count = len(rows[-1]) // ROW.size
        there += names[:count]
        for name in names[count : count + 1]:  # for which something is out of the ordinary
            with suppress(FileNotFoundError):  # removed since the directory was read
                rows.append(row(os.stat(name, dir_fd=directory, follow_symlinks=False)))
                there.append(name)
        names = names[count + 1 :]
    return there, b"".join(rows)


def encoded(names: Sequence[str]) -> list[bytes]:
    """Return names as bytes; encoded all at once, because one call for each takes longer."""
    return os.fsencode("\0".join(names)).split(b"\0") if names else []
