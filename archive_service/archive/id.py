"""The key of an archive: the name of a directory, and the only password a visitor has."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SHOWN_CHARACTERS = 6
# The unreserved characters of RFC 3986: no program that writes a link escapes them.
# No dot in front: ".", ".." and hidden directories are not albums.
_ARCHIVE_ID = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,254}"


def is_archive_id(text: str) -> bool:
    """Return whether a text can be the id of an archive."""
    return re.fullmatch(_ARCHIVE_ID, text) is not None


class InvalidArchiveId(ValueError):
    """The text can't be the id of any archive."""


@dataclass(frozen=True, slots=True)
class ArchiveId:
    """The id of an archive.  Its `str` and `repr`, used in logs, show only the beginning."""

    value: str

    @classmethod
    def parse(cls, text: str) -> ArchiveId:
        """Read an id from a URL; raise InvalidArchiveId."""
        if not is_archive_id(text):
            raise InvalidArchiveId
        return cls(text)

    def __str__(self) -> str:
        shown = min(_SHOWN_CHARACTERS, len(self.value) // 2)
        return f"{self.value[:shown]}…"

    def __repr__(self) -> str:
        return f"ArchiveId({self!s})"
