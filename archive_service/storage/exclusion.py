"""Names that no archive has: hidden files, unfinished uploads, litter of desktops and NAS systems.

A name that is left out is litter, or looks like the temporary name of an upload.  Litter counts for
nothing.  An upload shows that the album is about to change.

Some uploaders leave a marker beside a file: as long as `X.aria2` is there, `X` is unfinished, so it
is left out, too.  tus keeps an upload in two files, `ID` and `ID.json` or `ID.info`, and nginx adds
ten digits to a name between two file systems: no shell pattern says that well, so both are left
out wherever there are patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from typing import NamedTuple

DEFAULT_PATTERNS = (
    ".*",  # hidden files; the temporary names of ProFTPD, Pure-FTPd, rsync, Syncthing, Unison
    "*.filepart",  # WinSCP
    "*.part",  # Firefox, lftp, Nextcloud
    "*.partial",  # rclone, copyparty
    "*.aria2",  # what aria2 has of the file beside it
    "*.tmp",
    "*.crdownload",  # Chromium
    "*.opdownload",  # Opera
    "*.!ut",  # uTorrent
    "*.!qB",  # qBittorrent
    "*_.gstmp",  # gsutil
    "Thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    ".DS_Store",
    "__MACOSX",
    "?RECYCLE.BIN",  # no dollar sign, which compose would replace in `.env`
    "RECYCLER",
    "System Volume Information",
    "FOUND.000",  # chkdsk
    "lost+found",
    "@eaDir",  # Synology
    "@tmp",
    "#recycle",
    "#snapshot",
    "@Recycle",  # QNAP
    "@Recently-Snapshot",
    "~snapshot",  # NetApp
    "Network Trash Folder",  # netatalk
    "Temporary Items",
)
_UPLOADS = re.compile(
    r"""
    \.in\..+                         # lftp, ProFTPD
    | \.pureftpd-upload\..+
    | \.davfs\.tmp.+                 # Apache
    | \.(?:syncthing\.|~syncthing~).+
    | \.unison\..+
    | \.goutputstream-.+             # GVfs
    | \.~tmp~                        # rsync --delay-updates
    | \..+\.~[0-9a-f]+               # Nextcloud
    | \.[^.].*\.[a-z0-9]{6}          # rsync
    | .+\.(?:filepart|part|partial|aria2|tmp|crdownload|opdownload|!ut|!qb)
    | .+_\.gstmp
    | .+\..+\.[0-4][0-9]{9}          # nginx
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_FINISHED_BESIDE = ".aria2"
"""The marker of a file that is unfinished while it is there, whatever its size."""
_EMPTY_BESIDE = (".partial", ".part")
"""Those beside which a file without bytes only keeps the name: copyparty, Firefox."""
_ABOUT_TUS = re.compile(r"([0-9a-f]{32})\.(?:json|info)")

_OF_NGINX = r"(?s:.+\..+\.[0-4][0-9]{9})\Z"


class SortedNames(NamedTuple):
    """The names in a directory."""

    kept: Sequence[str]
    """Those that an archive has, in order."""
    uploads: Sequence[str] = ()
    """Those left out that look like uploads."""
    placeholders: frozenset[str] = frozenset()
    """Those among the kept that only keep a name for an upload where they have no bytes."""
    has_litter: bool = False
    """Whether something is left out that does not look like an upload."""


class Exclusion:
    """Shell patterns for the names of files and directories that are left out, in any case."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = list(patterns)
        names = [*map(translate, patterns), _OF_NGINX] if patterns else ["(?!)"]
        self._match = re.compile("|".join(names), re.IGNORECASE).match
        self._has_patterns = bool(patterns)

    def matches(self, name: str) -> bool:
        """Return whether a file or directory of this name is left out, whatever lies beside it."""
        return self._match(name) is not None

    def is_litter(self, name: str) -> bool:
        """Return whether a name is left out and does not look like an upload."""
        return self.matches(name) and _UPLOADS.fullmatch(name) is None

    def kept(self, names: Sequence[str]) -> Sequence[str]:
        """Return the names that are not left out, in order."""
        return self.sort(names).kept

    def sort(self, names: Sequence[str]) -> SortedNames:
        """Tell the names that are kept from those that are left out."""
        if not self._has_patterns:
            return SortedNames(names)
        left_out = set(filter(self._match, names))
        uploads = {name for name in left_out if _UPLOADS.fullmatch(name)}
        has_litter = len(uploads) < len(left_out)
        unfinished = _unfinished(uploads, names)
        left_out |= unfinished
        return SortedNames(
            [name for name in names if name not in left_out] if left_out else names,
            sorted(uploads | unfinished),
            _without(_EMPTY_BESIDE, uploads),
            has_litter,
        )


def _unfinished(uploads: Iterable[str], names: Sequence[str]) -> set[str]:
    """Return the names of files that what lies beside them shows to be unfinished."""
    about_tus = list(filter(None, map(_ABOUT_TUS.fullmatch, names)))
    marked = _without((_FINISHED_BESIDE,), uploads)
    if not about_tus and not marked:
        return set()
    there = set(names)
    of_tus = {name for about in about_tus if about[1] in there for name in (about[0], about[1])}
    return of_tus | (marked & there)


def _without(endings: tuple[str, ...], names: Iterable[str]) -> frozenset[str]:
    """Return the names that have one of the endings, without it."""
    return frozenset(name.rpartition(".")[0] for name in names if name.lower().endswith(endings))
