"""Reads the lines that `archive-service list write` makes entries of.

A line is a path, or a path, a tab and a name, or one of a manifest for nginx's mod_zip:

    CRC-32 or "-"    size    location, URL-encoded    name

The id of an album has no space, so the first word of a path has a slash, and a checksum has none.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_plus

_OF_MOD_ZIP = re.compile(r"(?:[0-9A-Fa-f]+|-) +(?:[0-9]+|-) +([^? ]+)(?:\?[^ ]+)? +([^ ].*)")
_EMPTY_DIRECTORY = "@directory"


class LineEntry(NamedTuple):
    """An entry of a list; a name that is None follows from the path."""

    path: str
    name: str | None


class LineRules(NamedTuple):
    """How a line becomes an entry."""

    strip: str = ""
    """What is removed from the front of each path; a slash behind it goes, too."""
    album: str = ""
    """The album that all paths are in; without it, each path begins with its album."""

    def entry(self, line: str) -> LineEntry | None:
        """Return the entry of a line; None for a line of mod_zip that makes an empty directory."""
        found = _OF_MOD_ZIP.fullmatch(line)
        if found is None:
            path, tab, name = line.partition("\t")
            return LineEntry(self._below_root(path), name if tab else None)
        location, name = found.groups()
        if location == _EMPTY_DIRECTORY:
            return None
        # It decodes locations as forms are: a plus stands for a space.
        return LineEntry(self._below_root(unquote_plus(location, errors="surrogateescape")), name)

    def _below_root(self, path: str) -> str:
        path = path.removeprefix(self.strip).removeprefix("/")
        return f"{self.album}/{path}" if self.album else path
