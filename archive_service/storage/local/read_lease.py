"""Shows by a read lease whether a program has a file open for writing.

Theory of operation.  A read lease (fcntl(2), F_SETLEASE) fails with EAGAIN while a program has the
file open for writing or mapped shared and writable.  The lease is taken and released at once.  In
between, an `open` for writing waits for a moment, or fails with EAGAIN if it must not wait.  The
kernel then sends the signal of F_SETSIG; the default, SIGIO, would end this process.  A lease needs
the file's owner or CAP_LEASE, or it fails with EACCES.  Network file systems refuse leases for
other reasons, so EAGAIN counts on local disks alone.
"""

from __future__ import annotations

import errno
import signal
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum

from archive_service.archive.listing import SourceIndex
from archive_service.storage.local.album_files import LocalAlbumFiles
from archive_service.storage.local.filesystem_type import is_prompt

try:
    import fcntl
except ImportError:  # not on Windows
    _HAS_LEASES = False
else:
    _HAS_LEASES = hasattr(fcntl, "F_SETLEASE")


class Lease(Enum):
    """What a read lease on a file has shown."""

    FREE = "free"
    """It is not open for writing."""
    WRITTEN = "written"
    """It is open for writing."""
    DENIED = "denied"
    """This user may take no lease."""
    UNKNOWN = "unknown"
    """The file system has no leases, or refuses them for other reasons."""


class NoLeases:
    """Takes no lease."""

    def of(self, descriptor: int) -> Lease:
        """Return Lease.UNKNOWN."""
        return Lease.UNKNOWN

    def count_whole(
        self, files: LocalAlbumFiles, sources: Sequence[SourceIndex], *, young_from_ns: int
    ) -> int:
        """Return 0: nothing shows that a file is whole."""
        return 0


class Leases:
    """Takes leases if the system has them."""

    def of(self, descriptor: int) -> Lease:
        """Take a read lease and release it; return the outcome."""
        if not _HAS_LEASES:
            return Lease.UNKNOWN
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # ignored unless handled
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            return _refused(descriptor, error)
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return Lease.FREE

    def count_whole(
        self, files: LocalAlbumFiles, sources: Sequence[SourceIndex], *, young_from_ns: int
    ) -> int:
        """Return how many of the first files are whole; see `LocalAlbumFiles.count_whole`."""
        return files.count_whole(sources, young_from_ns=young_from_ns)


def _refused(descriptor: int, error: OSError) -> Lease:
    if error.errno == errno.EACCES:
        return Lease.DENIED
    is_written = error.errno == errno.EAGAIN and is_prompt(descriptor)
    return Lease.WRITTEN if is_written else Lease.UNKNOWN
