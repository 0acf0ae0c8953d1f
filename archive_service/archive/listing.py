"""What an album holds, as a storage saw it at one moment.

Columns rather than an object a file: an album may have hundreds of thousands of files,
and a column costs eight bytes where an object costs a hundred.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NewType, cast

from archive_service.archive.id import ArchiveId
from archive_service.archive.long_columns import as_array, least
from archive_service.archive.units import NS_PER_S

SourceIndex = NewType("SourceIndex", int)
"""The index of a file or directory in a listing, which differs from that of its entry."""
CHANGE_TOKEN_SIZE = 16
"""Bytes of a change token, by which a store shows that a file was replaced."""

_CTIME_SIZE = 8
"""The bytes with which the change token of a file on a disk begins."""
CLOCK_TICK_NS = 10_000_000
"""The coarsest step of a file system's timestamps."""
COARSE_CLOCK_TICK_NS = 2_000_000_000
"""The same for file systems with timestamps in whole seconds, such as ext3 and FAT."""
_TIME_MIN_NS, _TIME_MAX_NS = -(2**63), 2**63 - 1
MOST_BYTES = 2**63 - 1
"""The largest file, and archive, that systems and clients can count."""
_WORD_SIZE = 8
_TOKEN_WORDS = CHANGE_TOKEN_SIZE // _WORD_SIZE
_VERSION_WORDS = 2 + _TOKEN_WORDS  # size and mtime in front
VERSION_SIZE = _VERSION_WORDS * _WORD_SIZE
"""Bytes of a version, which identifies the content behind a path."""


@dataclass(frozen=True, slots=True, eq=False)
class ListDetails:
    """Where the sources of a list lie, and what the list itself says."""

    origins: Sequence[bytes]
    """The path of each source below the root, its album in front; that of a text has none."""
    texts: Mapping[int, bytes]
    """The content of those sources that the list itself holds."""
    missing: Sequence[str] = ()
    """The names of missing files, which the list permits to leave out."""
    download_name: str | None = None
    """The file name of the archive where its link has none."""

    def origin(self, source: int) -> tuple[str, bytes]:
        """Return the album that a source lies in, and its path in that album."""
        album, _, path = self.origins[source].partition(b"/")
        return album.decode(), path


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
    newest_upload_ns: int = 0
    """The newest change of a file that is left out and looks like an upload."""
    uploads: Sequence[bytes] = ()
    """The paths of the first of these files."""
    has_litter: bool = False
    """Whether files are left out that are no uploads.  Changes to these move the times of
    directories, as removals do."""
    listed: ListDetails | None = None
    """Where the files lie if a list names them; otherwise they are those of one directory."""
    newest_empty_ns: int | None = field(init=False)
    """When a file without bytes changed last, on a disk; None where there is none."""

    def __len__(self) -> int:
        return len(self.paths)

    def sources(self) -> Sequence[SourceIndex]:
        """Return the indices of all files and directories, in order."""
        return cast("Sequence[SourceIndex]", range(len(self)))

    def files(self) -> Iterator[SourceIndex]:
        """Yield the indices of the files, in order."""
        return (source for source in self.sources() if not self.paths[source].endswith(b"/"))

    def directories(self) -> Iterator[SourceIndex]:
        """Yield the indices of the directories, in order.

        They are found among what has no bytes, which takes next to no time in most albums.
        """
        source = -1
        with suppress(ValueError):
            while True:
                source = self.sizes.index(0, source + 1)
                if self.paths[source].endswith(b"/"):
                    yield SourceIndex(source)

    def has_files(self) -> bool:
        """Return whether there is a file, not only directories."""
        return next(self.files(), None) is not None

    def change_token(self, source: SourceIndex) -> bytes:
        """Return the store's change token of one source."""
        start = source * CHANGE_TOKEN_SIZE
        return self.change_tokens[start : start + CHANGE_TOKEN_SIZE]

    def is_same_file(self, source: SourceIndex, other: Listing, theirs: SourceIndex) -> bool:
        """Return whether a file differs from one of another listing in its ctime alone, at most."""
        return (
            self.sizes[source] == other.sizes[theirs]
            and self.mtimes_ns[source] == other.mtimes_ns[theirs]
            and self.change_token(source)[_CTIME_SIZE:] == other.change_token(theirs)[_CTIME_SIZE:]
        )

    def origin(self, archive: ArchiveId, source: SourceIndex) -> tuple[ArchiveId, bytes]:
        """Return the album that a source of an archive lies in, and its path in that album."""
        if self.listed is None:
            return archive, self.paths[source]
        album, path = self.listed.origin(source)
        return ArchiveId(album), path

    def is_text(self, source: SourceIndex) -> bool:
        """Return whether the list itself holds the content of a source."""
        return self.listed is not None and source in self.listed.texts

    def clock_tick_ns(self) -> int:
        """Return the step of the timestamps; 0 for objects, whose changes their tokens show."""
        if self.is_of_objects:
            return 0
        is_coarse = self.newest_change_ns % NS_PER_S == 0
        return COARSE_CLOCK_TICK_NS if is_coarse else CLOCK_TICK_NS

    def has_settled(self, at_ns: int) -> bool:
        """Return whether every change after a Unix time will change a timestamp or token.

        Two changes within one step of the clock have the same timestamp.
        """
        return self.is_of_objects or at_ns - self.newest_change_ns > self.clock_tick_ns()

    def __post_init__(self) -> None:
        # Here, in a thread: each of many requests asks for it.
        object.__setattr__(self, "newest_empty_ns", self._newest_empty_ns())

    def _newest_empty_ns(self) -> int | None:
        if least(self.sizes, default=1):
            return None
        return max(
            (
                self.ctime_ns(file)
                for file in self.files()
                if not (self.sizes[file] or self.is_text(file))
            ),
            default=None,
        )

    def changed_since(self, at_ns: int) -> list[SourceIndex]:
        """Return the files that changed after a Unix time, by the store's timestamps."""
        if max(self.newest_change_ns, self.newest_mtime_ns) <= at_ns:
            return []
        times = zip(self.sources(), self.ctimes_ns(), self.mtimes_ns, strict=True)
        return [
            source
            for source, ctime_ns, mtime_ns in times
            if (ctime_ns > at_ns or mtime_ns > at_ns)
            and not self.paths[source].endswith(b"/")
            and not self.is_text(source)
        ]

    def ctime_ns(self, source: SourceIndex) -> int:
        """Return when a file on a disk changed, nanoseconds since the Unix epoch."""
        return int.from_bytes(self.change_token(source)[:_CTIME_SIZE], "little", signed=True)

    def ctimes_ns(self) -> array[int]:
        """Return the same of all sources."""
        tokens = array("q", self.change_tokens)
        if sys.byteorder == "big":
            tokens.byteswap()
        return tokens[:: CHANGE_TOKEN_SIZE // _CTIME_SIZE]

    def versions(self, sources: Sequence[SourceIndex]) -> bytes:
        """Return what identifies the content behind each path: size, mtime and change token.

        VERSION_SIZE bytes for each source, little-endian; see `each_version`.
        """
        words = memoryview(self.change_tokens).cast("Q")
        return self._versions(sources, words[0::_TOKEN_WORDS], words[1::_TOKEN_WORDS])

    def versions_anywhere(self, sources: Sequence[SourceIndex]) -> bytes:
        """Return the same without the change token, which differs in each copy of a tree."""
        return self._versions(sources)

    def _versions(self, sources: Sequence[SourceIndex], *token: memoryview[int]) -> bytes:
        columns = [
            column_bytes(as_array("Q", map(self.sizes.__getitem__, sources))),
            column_bytes(as_array("q", map(self.mtimes_ns.__getitem__, sources))),
            *(as_array("Q", map(word.__getitem__, sources)).tobytes() for word in token),
        ]
        rows = array("Q", bytes(VERSION_SIZE * len(sources)))
        for number, column in enumerate(columns):
            rows[number::_VERSION_WORDS] = array("Q", column)
        return rows.tobytes()


def each_version(versions: bytes) -> Iterator[bytes]:
    """Yield the versions of a column."""
    return (versions[at : at + VERSION_SIZE] for at in range(0, len(versions), VERSION_SIZE))


def held_ns(time_ns: int) -> int:
    """Clamp a time to what a listing can hold: the years 1677 to 2262."""
    if _TIME_MIN_NS <= time_ns <= _TIME_MAX_NS:
        return time_ns
    return _TIME_MIN_NS if time_ns < 0 else _TIME_MAX_NS


def parent(path: bytes) -> bytes:
    """Return the directory of a file or directory; the album itself is the empty path."""
    return path[: path.rfind(b"/", 0, -1) + 1]


def parents(path: bytes) -> Iterator[bytes]:
    """Yield the directories between a file or directory and the album, innermost first."""
    while path := parent(path):
        yield path


def column_bytes(column: array[int]) -> bytes:
    """Return a column's bytes, little-endian on every machine."""
    if sys.byteorder == "little":
        return column.tobytes()
    swapped = column[:]
    swapped.byteswap()
    return swapped.tobytes()
