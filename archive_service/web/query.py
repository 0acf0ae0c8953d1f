"""The query of an archive's URL: `?name=`, `?file=` and `?select=`; others are ignored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category

from archive_service.archive.errors import BadQuery
from archive_service.http.query_pairs import query_pairs

MAX_NAME_CHARACTERS = 150
"""Titles of a site fit; `content_disposition` shortens what has too many bytes for a file name."""
MAX_FILES = 1000
"""More than a request line of the usual length can hold, but not than every server lets through."""
_SUFFIX = ".zip"
_SEPARATORS = frozenset("/\\")


@dataclass(frozen=True, slots=True)
class ArchiveQuery:
    """What a visitor wants of an archive, beyond the archive."""

    download_name: str | None
    files: Sequence[str]
    selection: str | None = None
    """Which entries of the archive of `files`; see `archive.selection`."""


def parse_query(query: str) -> ArchiveQuery:
    """Read a query as it is in the URL; raise BadQuery with the parameter that can't be used."""
    read = query_pairs(query)
    if read.is_ambiguous:
        raise BadQuery("ampersand")
    files = file_names(read.values("file"))
    if len(files) > MAX_FILES:
        raise BadQuery("file")
    return ArchiveQuery(
        download_name(read.values("name")), files, _selection(read.values("select"))
    )


def download_name(values: Sequence[str]) -> str | None:
    """Return the file name that the values of `name` give; raise BadQuery."""
    if not values:
        return None
    name = values[0].strip()
    if len(values) > 1 or not name or len(name) > MAX_NAME_CHARACTERS or not _is_plain(name):
        raise BadQuery("name")
    return with_suffix(name)


def with_suffix(name: str) -> str:
    """Return the name of a file that unzip programs know as theirs."""
    return name if name.lower().endswith(_SUFFIX) else name + _SUFFIX


def _is_plain(name: str) -> bool:
    # Cc: control, Cs: lone surrogates, which no header field can carry.
    return not any(c in _SEPARATORS or category(c) in ("Cc", "Cs") for c in name)


def file_names(values: Sequence[str]) -> Sequence[str]:
    """Return the values of `file`; raise BadQuery where one is empty."""
    if not all(values):
        raise BadQuery("file")
    return values


def _selection(values: Sequence[str]) -> str | None:
    if len(values) > 1:
        raise BadQuery("select")
    return values[0] if values else None
