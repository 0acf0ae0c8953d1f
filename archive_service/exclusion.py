"""Files that no archive has: hidden, half-uploaded, desktop litter."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate

DEFAULT_PATTERNS = (
    ".*",  # hidden files; the temporary names of ProFTPD (.in.*), Pure-FTPd (.pureftpd-*), rsync
    "*.filepart",  # WinSCP
    "*.part",  # Firefox, lftp
    "*.tmp",
    "*.crdownload",  # Chromium
    "Thumbs.db",
    "desktop.ini",
    ".DS_Store",
    "__MACOSX",
)


class Exclusion:
    """Shell patterns for the names of files and directories that are left out, in any case."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._match = re.compile("|".join(map(translate, patterns)) or "(?!)", re.IGNORECASE).match

    def matches(self, name: str) -> bool:
        """Tell whether a file or directory of this name is left out."""
        return self._match(name) is not None
