"""Names that no archive has: hidden files, unfinished uploads, litter of desktops and NAS systems.

An excluded name is litter, or looks like the temporary name of an upload.  Litter is ignored.  An
upload shows that the album is about to change.

Some uploaders leave a marker beside a file: as long as `X.aria2` is there, `X` is unfinished, so it
is left out, too.  tus keeps an upload in two files, `ID` and `ID.json` or `ID.info`; nginx, AWS and
others add digits to a name.  No shell pattern describes these well, so they are left out whenever
EXCLUDE has patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from operator import itemgetter
from typing import NamedTuple

# A program whose unfinished files have a new ending: add it here, and to `_UPLOADS`, so that its
# uploads keep the album waiting.  If it also has the file under its own name: `_MARKERS`.
DEFAULT_PATTERNS = (
    ".*",  # hidden files; the temporary names of ProFTPD, Pure-FTPd, rsync, Syncthing, Unison
    "*.filepart",  # WinSCP
    "*.part",  # Firefox, lftp, Nextcloud
    "*.partial",  # rclone, copyparty
    "*.part.minio",
    "*.aria2",  # what aria2 has of the file beside it
    "*.aria2__temp",
    "*.lftp-pget-status",  # the same of lftp
    "*.ytdl",  # the same of yt-dlp
    "*.tmp",
    "*.temp",  # instaloader
    "*.crdownload",  # Chromium
    "*.download",  # Safari, QtWebEngine, nodejs-file-downloader
    "*.ipull",
    "*.opdownload",  # Opera
    "*.!ut",  # uTorrent
    "*.!qB",  # qBittorrent
    "*.!sync",  # Resilio Sync
    "*_.gstmp",  # gsutil
    "*.ffs_tmp",  # FreeFileSync
    "*.ffs_lock",  # it runs
    "*.ffs_db",  # what it knows of a directory
    "*_exiftool_tmp",
    "hfs?upload-*",  # HFS; no dollar sign, which compose would replace in `.env`
    "Thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    ".DS_Store",
    "__MACOSX",
    "?RECYCLE.BIN",  # likewise
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
_NUMBERED = r"""(?x:
    .+\..+\.[0-4][0-9]{9}                                    # nginx
    | .+\.[a-z0-9]{1,5}\.(?=[0-9]*[a-f])[0-9a-f]{8}          # AWS; digits alone are a date
    | .+\.(?:[a-z]{2,4}|mp[34]|3gp)[0-9]{9,10}               # s5cmd, and others written in Go
    | .+\.\$\$[0-9]+(?:\$part)?                              # easydl
    | .+\.part-frag[0-9]+                                    # yt-dlp
    | .+\.[0-9]+\.[0-9]+~                                    # lighttpd
    | .+\.tmp-[0-9a-f]{9,}                                   # atomically; 8 digits are a date
    | tmpfile[a-z0-9]{6}                                     # gphoto2
)"""
_NUMBERED_HEAD = "t"
"""The beginnings of those names that no tail shows."""
# `re` compiles these texts when they are first used: it takes a tenth of the time to pack a small
# file, where nothing is left out.
_NUMBERED_TAIL = r"(?is:[0-9a-f]{4}|.*[$g][0-9]+|part|[0-9.]+~)"
"""Their endings, as far as a tail shows them."""
_UPLOADS = rf"""(?isx:
    \.in\..+                         # lftp, ProFTPD
    | \.pureftpd-upload\..+
    | \.davfs\.tmp.+                 # Apache
    | \.(?:syncthing\.|~syncthing~).+
    | \.unison\..+
    | \.goutputstream-.+             # GVfs
    | \.rclone_temp_put_.+           # rclone serve s3
    | \.sftpgo-upload\..+
    | \.mutagen-temporary-.+
    | \.\#.+[0-9a-f]{{16}}            # casync
    | \.~tmp~                        # rsync --delay-updates
    | \..+\.~[0-9a-f]+               # Nextcloud
    | \.[^.].*\.[a-z0-9]{{6}}        # rsync
    | .+\.(?:filepart|part|partial|part\.minio|tmp|temp|!ut|!qb|!sync)
    | .+\.(?:aria2|aria2__temp|lftp-pget-status|ytdl)
    | .+\.(?:crdownload|opdownload|download|ipull)
    | .+_\.gstmp
    | .+\.ffs_(?:tmp|lock)
    | .+_exiftool_tmp
    | hfs\$upload-.+
    | {_NUMBERED}
)"""
_MARKERS = (".aria2", ".lftp-pget-status")
"""Beside a file, they show that it is unfinished, whatever its size."""
_MARKER_OF_AXEL = ".st"
"""A marker, too, but only beside a file: other programs use that ending."""
_EMPTY_BESIDE = (".partial", ".part")
"""Markers beside which an empty file only reserves the name: copyparty, Firefox."""
_ABOUT_TUS = r"([0-9a-f]{32})\.(?:json|info)"

_PAIRED_TAILS = ("json", "info", _MARKER_OF_AXEL)

_HEAD, _TAIL = 1, 4
"""The characters at both ends of names that are compared first: albums have few different ones."""
_HEAD_OF, _TAIL_OF = itemgetter(slice(_HEAD)), itemgetter(slice(-_TAIL, None))
_WILDCARDS = r"[*?\[\]]"
_EQUAL_TO_ASCII = str.maketrans("\u017f\u212a\u0130\u0131", "skii")
"""The letters that a regular expression takes for one of ASCII, in any case."""


class SortedNames(NamedTuple):
    """The names in a directory."""

    kept: Sequence[str]
    """Those that an archive has, in order."""
    uploads: Sequence[str] = ()
    """Those left out that look like uploads."""
    placeholders: frozenset[str] = frozenset()
    """Those among the kept that, if empty, only reserve a name for an upload."""
    has_litter: bool = False
    """Whether something is left out that does not look like an upload."""


class Exclusion:
    """Shell patterns for the names of files and directories that are left out, in any case."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = list(patterns)
        names = [*map(translate, patterns), rf"(?s:{_NUMBERED})\Z"] if patterns else ["(?!)"]
        self._match = re.compile("|".join(names), re.IGNORECASE).match
        ends = [_ends(pattern) for pattern in patterns]
        # A tail excludes more names than a head, which is used only if a pattern has no tail.
        self._heads = tuple(head for head, tail in ends if not tail)
        self._tails = tuple(tail for _, tail in ends if tail)
        self._numbered_tail = re.compile(_NUMBERED_TAIL if patterns else "(?!)")
        if patterns:
            self._heads += (_NUMBERED_HEAD,)
            self._tails += _PAIRED_TAILS

    def matches(self, name: str) -> bool:
        """Return whether a file or directory of this name is left out, whatever lies beside it."""
        return self._match(name) is not None

    def is_litter(self, name: str) -> bool:
        """Return whether a name is left out and does not look like an upload."""
        return self.matches(name) and re.fullmatch(_UPLOADS, name) is None

    def kept(self, names: Sequence[str]) -> Sequence[str]:
        """Return the names that are not left out, in order."""
        return self.sort(names).kept

    def sort(self, names: Sequence[str]) -> SortedNames:
        """Separate the names that are kept from those that are left out.

        In most directories all are kept, and their ends show that much sooner than a match of each
        name.
        """
        candidates = self._candidates(names)
        if not candidates:
            return SortedNames(names)
        left_out = set(filter(self._match, candidates))
        uploads = {name for name in left_out if re.fullmatch(_UPLOADS, name)}
        has_litter = len(uploads) < len(left_out)
        unfinished = _unfinished(uploads, candidates, names)
        left_out |= unfinished
        return SortedNames(
            [name for name in names if name not in left_out] if left_out else names,
            sorted(uploads | unfinished),
            _without(_EMPTY_BESIDE, uploads),
            has_litter,
        )

    def _candidates(self, names: Sequence[str]) -> Sequence[str]:
        """Return the names that may be left out, or show that another is."""
        heads = set(map(_HEAD_OF, names))
        tails = set(map(_TAIL_OF, names))
        heads = {head for head in heads if _folded(head).startswith(self._heads)}
        tails = {tail for tail in tails if self._may_be_left_out(tail)}
        if not heads and not tails:
            return ()
        return [name for name in names if name[:_HEAD] in heads or name[-_TAIL:] in tails]

    def _may_be_left_out(self, tail: str) -> bool:
        is_of_pattern = _folded(tail).endswith(self._tails)
        return is_of_pattern or self._numbered_tail.fullmatch(tail) is not None


def _unfinished(
    uploads: Iterable[str], candidates: Iterable[str], names: Sequence[str]
) -> set[str]:
    """Return the names of files that a marker beside them shows to be unfinished."""
    pairs = [*_pairs_of_tus(candidates), *_pairs_of_axel(candidates)]
    marked = _without(_MARKERS, uploads)
    if not pairs and not marked:
        return set()
    there = set(names)
    paired = {name for pair in pairs if pair[0] in there for name in pair}
    return paired | (marked & there)


def _pairs_of_tus(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield a file and the one that describes it, for each name that may be the second."""
    for about in filter(None, map(re.compile(_ABOUT_TUS).fullmatch, names)):
        yield about[1], about[0]


def _pairs_of_axel(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        file = name.removesuffix(_MARKER_OF_AXEL)
        if file != name and "." in file:
            yield file, name


def _without(endings: tuple[str, ...], names: Iterable[str]) -> frozenset[str]:
    """Return the names that have one of the endings, without it."""
    return frozenset(name.rpartition(".")[0] for name in names if name.lower().endswith(endings))


def _ends(pattern: str) -> tuple[str, str]:
    """Return how all names begin and end that match; empty strings where that is unknown."""
    if not pattern.isascii():
        return "", ""
    pieces = re.split(_WILDCARDS, _folded(pattern))
    return pieces[0][:_HEAD], pieces[-1][-_TAIL:]


def _folded(text: str) -> str:
    return text.translate(_EQUAL_TO_ASCII).lower()
