"""What an album holds, as a storage saw it at one moment.

Columns rather than an object a file: an album may have hundreds of thousands of files,
and a column costs eight bytes where an object costs a hundred.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import repeat
from typing import NamedTuple, NewType

SourceIndex = NewType("SourceIndex", int)
"""The index of a file or directory in a listing, which differs from that of its entry."""
CHANGE_TOKEN_SIZE = 16
"""Bytes of a change token, by which a store shows that a file was replaced."""

_CTIME_SIZE = 8
"""The bytes with which the change token of a file on a disk begins."""
_TIME = struct.Struct("<q")
_VERSION = struct.Struct(f"<Qq{CHANGE_TOKEN_SIZE}s")
_NO_TOKEN = bytes(CHANGE_TOKEN_SIZE)
CLOCK_TICK_NS = 10_000_000
"""The coarsest step of a file system's timestamps."""
COARSE_CLOCK_TICK_NS = 2_000_000_000
"""The same for file systems with timestamps in whole seconds, such as ext3 and FAT."""
_NS_PER_S = 1_000_000_000
_TIME_MIN_NS, _TIME_MAX_NS = -(2**63), 2**63 - 1
MOST_BYTES = 2**63 - 1
"""The largest file, and archive, that systems and clients can count."""
VERSION_SIZE = _VERSION.size
"""Bytes of a version, which identifies the content behind a path."""


SNAPSHOT_FILES = 64
"""Albums of up to this many files and directories are checked with `stat` before a new listing."""


class Snapshot(NamedTuple):
    """The stat records of an album's directories and files."""

    locations: list[bytes]
    rows: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """The files and directories of one album; the columns share their index, the `source`.

    Empty directories are listed, and so are their parents, because some readers create no parents.
    Other directories follow from the paths of their files.
    The order of the sources depends only on the paths.
    """

    paths: Sequence[bytes]
    """Relative to the album, '/'-separated, bytes as stored; a trailing slash marks a directory."""
    locations: Sequence[bytes]
    """What opens each: its path, or the target of its link; for an object, its entity tag."""
    sizes: array[int]
    """Bytes of file data; 0 for a directory."""
    mtimes_ns: array[int]
    """Modification time, nanoseconds since the Unix epoch."""
    modes: array[int]
    """Unix permission bits."""
    change_tokens: bytes
    """CHANGE_TOKEN_SIZE opaque bytes for each source, in order."""
    newest_change_ns: int
    """The newest change that the store knows of, removals included; programs can't set it back.

    At least 0, as `newest_mtime_ns` is: no upload happened before 1970."""
    newest_mtime_ns: int
    """The newest modification time of a file or directory."""
    is_of_objects: bool = False
    """Whether the files are objects of a store.

    Then a change token identifies the content at any time, and a removal changes no timestamp."""
    snapshot: Snapshot | None = None
    """Stat snapshot of a small album, to detect that nothing changed; None if unavailable."""
    newest_upload_ns: int = 0
    """The newest change of what is left out and looks like an upload."""
    uploads: Sequence[bytes] = ()
    """The paths of such files, as far as there are few."""
    has_litter: bool = False
    """Whether something else is left out beside the files.  What happens to that moves the times of
    directories, as a removal does."""
    newest_empty_ns: int | None = field(init=False)
    """When a file without bytes changed last, on a disk; None where there is none."""

    def __len__(self) -> int:
        return len(self.paths)

    def change_token(self, source: int) -> bytes:
        """Return the store's change token of one source."""
        start = source * CHANGE_TOKEN_SIZE
        return self.change_tokens[start : start + CHANGE_TOKEN_SIZE]

    def clock_tick_ns(self) -> int:
        """Return the step of the timestamps; 0 for objects, whose changes their tokens show."""
        if self.is_of_objects:
            return 0
        is_coarse = self.newest_change_ns % _NS_PER_S == 0
        return COARSE_CLOCK_TICK_NS if is_coarse else CLOCK_TICK_NS

    def has_settled(self, at_ns: int) -> bool:
        """Return whether every change after a Unix time will change a timestamp or token.

        Two changes within one step of the clock have the same timestamp.
        """
        return self.is_of_objects or at_ns - self.newest_change_ns > self.clock_tick_ns()

    def __post_init__(self) -> None:
        # Here, in a thread: each of many requests asks for it.
        newest_ns = max(map(self.ctime_ns, self._empty_files()), default=None)
        object.__setattr__(self, "newest_empty_ns", newest_ns)

    def changed_since(self, at_ns: int) -> list[SourceIndex]:
        """Return the files that changed after a Unix time, as far as the store's times tell."""
        if max(self.newest_change_ns, self.newest_mtime_ns) <= at_ns:
            return []
        changed = zip(self.ctimes_ns(), self.mtimes_ns, strict=True)
        return [
            SourceIndex(source)
            for source, (ctime_ns, mtime_ns) in enumerate(changed)
            if (ctime_ns > at_ns or mtime_ns > at_ns) and not self.paths[source].endswith(b"/")
        ]

    def ctime_ns(self, source: int) -> int:
        """Return when a file on a disk changed, nanoseconds since the Unix epoch."""
        return int.from_bytes(self.change_token(source)[:_CTIME_SIZE], "little", signed=True)

    def ctimes_ns(self) -> array[int]:
        """Return the same of all sources."""
        tokens = array("q", self.change_tokens)
        if sys.byteorder == "big":
            tokens.byteswap()
        return tokens[:: CHANGE_TOKEN_SIZE // _CTIME_SIZE]

    def _empty_files(self) -> Iterator[int]:
        if 0 in self.sizes:
            for source, size in enumerate(self.sizes):
                if not size and not self.paths[source].endswith(b"/"):
                    yield source

    def versions(self, sources: Sequence[int]) -> Iterator[bytes]:
        """Yield what identifies the content behind each path: size, mtime and change token."""
        sizes = map(self.sizes.__getitem__, sources)
        mtimes_ns = map(self.mtimes_ns.__getitem__, sources)
        return map(_VERSION.pack, sizes, mtimes_ns, map(self.change_token, sources))

    def versions_anywhere(self, sources: Sequence[int]) -> Iterator[bytes]:
        """Yield the same without the change token, which differs in each copy of a tree."""
        sizes = map(self.sizes.__getitem__, sources)
        mtimes_ns = map(self.mtimes_ns.__getitem__, sources)
        return map(_VERSION.pack, sizes, mtimes_ns, repeat(_NO_TOKEN))

    def fingerprint(self) -> bytes:
        """Return a digest of all that the listing tells of what an archive has, and of uploads.

        Where there is litter the times of directories may be its own.
        """
        digest = blake2b(b"\0".join(self.paths), digest_size=16)
        for column in (self.sizes, self.mtimes_ns, self.modes):
            digest.update(column_bytes(column))
        digest.update(self.change_tokens)
        digest.update(_TIME.pack(self.newest_upload_ns))
        if not self.has_litter:
            digest.update(_TIME.pack(self.newest_change_ns))
            digest.update(_TIME.pack(self.newest_mtime_ns))
        if self.locations is not self.paths:
            digest.update(b"\0".join(self.locations))
        return digest.digest()


def held_ns(time_ns: int) -> int:
    """Clamp a time to what a listing can hold: the years 1677 to 2262."""
    return min(max(time_ns, _TIME_MIN_NS), _TIME_MAX_NS)


def parent(path: bytes) -> bytes:
    """Return the directory of a file or directory; the album itself is the empty path."""
    return path[: path.rfind(b"/", 0, -1) + 1]


def parents(path: bytes) -> Iterator[bytes]:
    """Yield the directories between a file or directory and the album, innermost first."""
    while path := parent(path):
        yield path


def parents_of_directories(listing: Listing, sources: Iterable[int]) -> Iterator[int]:
    """Yield the listed parents of those sources that are directories."""
    paths = map(listing.paths.__getitem__, sources)
    wanted = {above for path in paths if path.endswith(b"/") for above in parents(path)}
    if wanted:
        yield from (source for source, path in enumerate(listing.paths) if path in wanted)


def column_bytes(column: array[int]) -> bytes:
    """Return a column's bytes, little-endian on every machine."""
    if sys.byteorder == "little":
        return column.tobytes()
    swapped = column[:]
    swapped.byteswap()
    return swapped.tobytes()
