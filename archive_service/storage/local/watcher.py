"""Watches the directories of albums for changes with inotify(7).

It reports only that an album has changed; a new listing shows what.  So files that land in a new
directory before it is watched are not lost, and no path has to be kept for a watch.  A directory is
watched before it is read, so none of its subdirectories is missed.

Paths are followed here without protection against swapped links: only names of directories are
read, and a watch on a wrong directory merely causes a needless listing.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from archive_service.archive.errors import StorageUnavailable, errno_name
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.filesystem_type import is_changed_by_others
from archive_service.storage.local.unclosed_files import UnclosedFiles
from archive_service.storage.local.walk import MAX_DEPTH

if TYPE_CHECKING:
    from inotify_simple import INotify

MOST_WATCHES = 200_000
"""Each takes about a kilobyte in the kernel and 100 bytes in the process."""
_READ_BYTES = 32 * 1024
"""Some hundred events at once, so that the event loop is soon free again."""
# From inotify.h; the library's own enum is slow to compute with.
_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF = 0x400, 0x800
_UNMOUNT, _OVERFLOW, _IGNORED = 0x2000, 0x4000, 0x8000
_ONLYDIR, _DONT_FOLLOW, _ISDIR = 0x1000000, 0x2000000, 0x40000000
# Attributes, too: setting a file's date moves its ctime, and so its change token.
_WRITING = _MODIFY | _CREATE | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO
_IN_ALBUM = _ATTRIB | _WRITING | _ONLYDIR | _DONT_FOLLOW
_IN_ROOT = _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
_ROOT_GONE = _DELETE_SELF | _MOVE_SELF | _UNMOUNT | _IGNORED
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENAMETOOLONG)
_NO_ROOM = (errno.ENOSPC, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


class WatchFailed(Exception):
    """Directories can't be watched; `reason` is a short fixed phrase."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Changes(NamedTuple):
    """The changes since the last call."""

    albums: set[str]
    """Albums in which something has changed."""
    unwatched: set[str]
    """Those of them whose directories may have changed, so that they must be watched again."""
    has_overflown: bool
    """Whether the kernel's queue overflowed."""
    is_root_gone: bool
    """Whether the root was removed, moved away or unmounted."""


class AlbumWatcher:
    """The watches on one root and the albums below it.

    `watch` is called from one thread at a time, unless one hangs, everything else from the event
    loop's.
    """

    def __init__(self, root: Path, exclusion: Exclusion, written: UnclosedFiles) -> None:
        """Watch the root; raise StorageUnavailable if there is none, and WatchFailed.

        `written` gets the files that are written to.
        """
        self._root = os.fspath(root)
        self._writing = _WritingNotes(written)
        self._exclusion = exclusion
        self._albums: dict[int, str] = {}
        self._left: set[str] = set()
        if is_changed_by_others(root):
            raise WatchFailed("file system of others")
        self._inotify = _opened()
        try:
            self._root_identity = _identity(self._root)
            self._root_watch = self._added(self._root, _IN_ROOT | _ONLYDIR)
        except OSError as error:
            self._inotify.close()
            raise StorageUnavailable(errno_name(error)) from None
        except WatchFailed:
            self._inotify.close()
            raise

    def is_of_root(self) -> bool:
        """Return whether the root is the same directory: another may have been mounted on it."""
        try:
            return _identity(self._root) == self._root_identity
        except OSError:
            return False

    def albums(self) -> set[str]:
        """Name the albums of which something is watched."""
        return set(self._albums.values())

    def fileno(self) -> int:
        """Return the descriptor that is readable when there are changes."""
        return int(self._inotify.fileno())

    def close(self) -> None:
        """End all watches."""
        self._inotify.close()
        self._writing.forget()

    def watch(self, album: str) -> None:
        """Watch all directories of an album, including those already watched.

        Raise WatchFailed if there are too many; behind the others, StorageUnavailable if one fails.
        """
        # A directory may be moved away meanwhile: then the next call drops its watch.
        has_left = album in self._left
        self._left.discard(album)
        watched, failed = set(), None
        pending = [(os.path.join(self._root, album), 0)]  # noqa: PTH118 - a Path takes longer
        while pending:
            path, depth = pending.pop()
            try:
                watch = self._added(path, _IN_ALBUM)
                self._albums[watch] = album
                watched.add(watch)
                if depth < MAX_DEPTH:
                    pending += [(found, depth + 1) for found in self._directories(path)]
            except OSError as error:
                failed = failed if error.errno in _GONE else error
        if has_left:
            self._forget_all_but(watched, album)
        if failed:
            raise StorageUnavailable(errno_name(failed))

    def changes(self) -> Changes:
        """Return the changes that one short read gets."""
        from inotify_simple import parse_events  # noqa: PLC0415 - of Linux only

        changes = Changes(set(), set(), has_overflown=False, is_root_gone=False)
        try:
            events = parse_events(os.read(self.fileno(), _READ_BYTES))
        except BlockingIOError:
            return changes
        for watch, mask, cookie, name in events:
            if mask & _OVERFLOW:
                changes = changes._replace(has_overflown=True)
                self._writing.forget()
            elif watch != self._root_watch:
                self._note_in_album(changes, watch, mask, name, cookie)
            elif mask & _ROOT_GONE:
                changes = changes._replace(is_root_gone=True)
            elif mask & _ISDIR and name:
                changes.albums.add(name)
                changes.unwatched.add(name)
                if mask & _MOVED_FROM:
                    self._left.add(name)
        return changes

    def _note_in_album(
        self, changes: Changes, watch: int, mask: int, name: str, cookie: int
    ) -> None:
        if mask & _IGNORED:
            self._albums.pop(watch, None)
        elif (album := self._albums.get(watch)) is not None:
            if name and self._exclusion.is_litter(name):
                return
            if mask & _WRITING and not mask & _ISDIR:
                self._writing.note(mask, (watch, album, name), cookie)
            changes.albums.add(album)
            if mask & _ISDIR:
                changes.unwatched.add(album)
                if mask & _MOVED_FROM:
                    self._left.add(album)

    def _added(self, path: str, mask: int) -> int:
        try:
            watch = int(self._inotify.add_watch(path, mask))
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise WatchFailed("watch limit") from None
            raise
        if len(self._albums) >= MOST_WATCHES:
            raise WatchFailed("too many directories")
        return watch

    def _directories(self, path: str) -> list[str]:
        with os.scandir(path) as children:
            return [
                child.path
                for child in children
                if child.is_dir(follow_symlinks=False) and not self._exclusion.matches(child.name)
            ]

    def _forget_all_but(self, watched: set[int], album: str) -> None:
        """Drop the watches of directories that were moved out of an album."""
        of_album = {watch for watch, name in list(self._albums.items()) if name == album}
        for watch in of_album - watched:
            with suppress(OSError):  # the directory was removed since
                self._inotify.rm_watch(watch)


class _WritingNotes:
    """What events say of files that are written to."""

    def __init__(self, written: UnclosedFiles) -> None:
        self._written = written
        self._moved: tuple[int, tuple[int, str, str]] | None = None
        """The cookie and the file of the last event of a name that is gone; the new one follows."""
        self._renamed: tuple[tuple[int, str, str], tuple[int, str, str]] | None = None
        """The old and the new name of the last renaming."""

    def note(self, mask: int, file: tuple[int, str, str], cookie: int) -> None:
        """Note one event; the file is a watch, an album and a name."""
        if mask & _CREATE:
            self._written.note_made(*file)
        elif mask & _MODIFY:
            self._written.note_written(*file)
        elif mask & _CLOSE_WRITE:
            self._written.note_closed(*file)
        elif mask & _MOVED_FROM:
            self._moved = cookie, file
        elif mask & _MOVED_TO:
            if self._moved and self._moved[0] == cookie:
                self._note_renamed(self._moved[1], file)
            else:
                self._written.note_closed(*file)  # it has replaced what had that name

    def _note_renamed(self, old: tuple[int, str, str], new: tuple[int, str, str]) -> None:
        """Note a renaming; an exchange of two names is reported as one, and as one back."""
        if self._renamed == (new, old):
            self._written.note_exchanged(new, old)
        else:
            self._written.note_renamed(old, new)
        self._renamed = old, new

    def forget(self) -> None:
        """Forget all files: what happens to them is no longer known."""
        self._written.clear()


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - a link to the root may lead elsewhere now
    return status.st_dev, status.st_ino


def _opened() -> INotify:
    try:
        # Its import fails elsewhere than on Linux, its call where the system offers none.
        from inotify_simple import INotify  # noqa: PLC0415

        return INotify(nonblocking=True)
    except (ImportError, AttributeError):
        raise WatchFailed("no inotify") from None
    except OSError as error:
        reason = "watch limit" if error.errno in _NO_ROOM else "no inotify"
        raise WatchFailed(reason) from None
