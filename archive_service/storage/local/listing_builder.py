"""The columns of a listing while it is made."""

from __future__ import annotations

import stat
from array import array
from collections.abc import Mapping, Sequence

from archive_service.archive.errors import AlbumUnpackable
from archive_service.archive.listing import CHANGE_TOKEN_SIZE, Listing, column_bytes
from archive_service.storage.local.stat_record import COLUMNS, CTIME, INODE, MODE, MTIME, SIZE

MAX_LINKED = 100_000
"""The most sources behind links: many links to one large directory would have no end."""
MOST_UPLOADS = 64
"""The most paths of unfinished uploads that are kept: more are seldom under way."""


class ListingBuilder:
    """Collects the sources of one directory after another.

    A call for each file and column would cost as much as the `stat` of the file.
    """

    def __init__(self) -> None:
        self._paths: list[bytes] = []
        self._linked: dict[int, bytes] = {}
        self._sizes = array("Q")
        self._mtimes_ns = array("q")
        self._modes = array("H")
        self._ctimes_ns = array("q")
        self._inodes = array("Q")
        self._newest_ctime_ns = 0
        self._newest_mtime_ns = 0
        self._newest_upload_ns = 0
        self._uploads: list[bytes] = []
        self._has_litter = False

    def __len__(self) -> int:
        return len(self._paths)

    def add(self, paths: Sequence[bytes], rows: bytes, linked: Mapping[int, bytes]) -> None:
        """Collect sources by their rows; `linked` has the locations of some, by number among them.

        Raise AlbumUnpackable if too many are linked.
        """
        if not paths:
            return
        first = len(self._paths)
        self._linked.update((first + number, location) for number, location in linked.items())
        if len(self._linked) > MAX_LINKED:
            raise AlbumUnpackable("too many links")
        signed, unsigned = array("q", rows), array("Q", rows)
        mtimes_ns, ctimes_ns = signed[MTIME::COLUMNS], signed[CTIME::COLUMNS]
        self._paths += paths
        self._sizes += unsigned[SIZE::COLUMNS]
        self._mtimes_ns += mtimes_ns
        self._ctimes_ns += ctimes_ns
        self._inodes += unsigned[INODE::COLUMNS]
        self._modes.extend(map(stat.S_IMODE, unsigned[MODE::COLUMNS]))
        self.note_times(max(ctimes_ns), max(mtimes_ns))

    def note_times(self, newest_ctime_ns: int, newest_mtime_ns: int) -> None:
        """Record the times of a change, also of a directory."""
        self._newest_ctime_ns = max(self._newest_ctime_ns, newest_ctime_ns)
        self._newest_mtime_ns = max(self._newest_mtime_ns, newest_mtime_ns)

    def note_litter(self) -> None:
        """Record that a file is left out that is no upload."""
        self._has_litter = True

    def note_uploads(self, paths: Sequence[bytes], rows: bytes) -> None:
        """Record files that are left out and look like uploads."""
        if paths:
            newest_ns = max(array("q", rows)[CTIME::COLUMNS])
            self._newest_upload_ns = max(self._newest_upload_ns, newest_ns)
            modes = array("Q", rows)[MODE::COLUMNS]
            files = [path for path, mode in zip(paths, modes, strict=True) if stat.S_ISREG(mode)]
            self._uploads += files[: MOST_UPLOADS - len(self._uploads)]

    def listing(self) -> Listing:
        """Return the listing."""
        return Listing(
            self._paths,
            self._locations(),
            self._sizes,
            self._mtimes_ns,
            self._modes,
            _change_tokens(self._ctimes_ns, self._inodes),
            self._newest_ctime_ns,
            self._newest_mtime_ns,
            newest_upload_ns=self._newest_upload_ns,
            uploads=self._uploads,
            has_litter=self._has_litter,
        )

    def _locations(self) -> list[bytes]:
        if not self._linked:
            return self._paths
        locations = self._paths[:]
        for source, location in self._linked.items():
            locations[source] = location
        return locations


def _change_tokens(ctimes_ns: array[int], inodes: array[int]) -> bytes:
    """Return the change tokens of whole columns; see `change_token`."""
    pairs = array("Q", bytes(CHANGE_TOKEN_SIZE * len(inodes)))
    pairs[0::2], pairs[1::2] = array("Q", ctimes_ns.tobytes()), inodes
    return column_bytes(pairs)
