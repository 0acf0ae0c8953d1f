"""Symbolic links of an album, followed only to targets in the same album.

The kernel never follows one of them.  The text of a link is read and resolved here, component by
component, to a path without links.  The file is then opened by that path like every other, so a
link that is swapped in at any moment leads nowhere.  A path through an excluded name leads nowhere
either: a link must not show what is hidden.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.open_beneath import opened_to_list, opened_to_pass

_MOST_LINKS = 40
"""The most links on the way to one target; Linux has the same limit."""
_LEADS_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)

Skipped = Callable[[int, str], None]
"""Called with the inode number of a link that is left out, and a short fixed reason."""


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """The target of a link: its path in the album, and its `stat`."""

    path: bytes
    status: os.stat_result


class _LeadsNowhere(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AlbumLinks:
    """Links that are followed within the album.

    `album` is its descriptor.  `places` returns the absolute paths by which links may name it; it
    is called only when a link needs them, because resolving a path takes as long as listing an
    album.
    """

    def __init__(
        self,
        album: int,
        places: Callable[[], Sequence[bytes]],
        *,
        exclusion: Exclusion,
        skipped: Skipped,
    ) -> None:
        self._album = album
        self._places = places
        self._exclusion = exclusion
        self._skipped = skipped

    def follow(self, path: bytes, inode: int) -> LinkTarget | None:
        """Return the target of a link, or None if it is left out; raise OSError."""
        try:
            target = self._resolved(path)
            return LinkTarget(target, self._status(target))
        except _LeadsNowhere as error:
            self._skipped(inode, error.reason)
        except OSError as error:
            if error.errno not in _LEADS_NOWHERE:
                raise
            self._skipped(inode, "broken")
        return None

    def skip(self, inode: int, reason: str) -> None:
        """Report that a link is left out after all."""
        self._skipped(inode, reason)

    def open_directory(self, path: bytes) -> int:
        """Open a target for listing; raise OSError."""
        return opened_to_list(self._album, path)

    def _resolved(self, path: bytes) -> bytes:
        passed: list[bytes] = []
        ahead = path.split(b"/")[::-1]
        links = 0
        while ahead:
            name = ahead.pop()
            if name in (b"", b"."):
                continue
            if name == b"..":
                _go_up(passed)
                continue
            text = self._text(passed, name)
            if text is None:
                passed.append(name)
                continue
            links += 1
            if links > _MOST_LINKS:
                raise _LeadsNowhere("loop")
            if text.startswith(b"/"):
                text = self._below_album(text)
                passed.clear()
            ahead += text.split(b"/")[::-1]
        return b"/".join(passed)

    def _text(self, passed: Sequence[bytes], name: bytes) -> bytes | None:
        """Return the text of a link; None for anything but a link."""
        if self._exclusion.matches(os.fsdecode(name)):
            raise _LeadsNowhere("excluded")
        directory = opened_to_pass(self._album, b"/".join(passed))
        try:
            return os.readlink(name, dir_fd=directory)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None
            raise
        finally:
            os.close(directory)

    def _below_album(self, path: bytes) -> bytes:
        for place in self._places():
            if path == place or path.startswith(place + b"/"):
                return path[len(place) :]
        raise _LeadsNowhere("outside")

    def _status(self, path: bytes) -> os.stat_result:
        parent, _, name = path.rpartition(b"/")
        directory = opened_to_pass(self._album, parent)
        try:
            return os.stat(name or b".", dir_fd=directory, follow_symlinks=False)
        finally:
            os.close(directory)


def _go_up(passed: list[bytes]) -> None:
    if not passed:
        raise _LeadsNowhere("outside")
    passed.pop()
