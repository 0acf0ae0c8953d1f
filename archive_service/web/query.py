"""The query of an archive's URL: `?name=` and `?file=`; other parameters are ignored."""

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


def parse_query(query: str) -> ArchiveQuery:
    """Read a query as it is in the URL; raise BadQuery with the parameter that can't be used."""
    read = query_pairs(query)
    if read.is_ambiguous:
        raise BadQuery("ampersand")
    return ArchiveQuery(_download_name(read.values("name")), _files(read.values("file")))


def _download_name(values: Sequence[str]) -> str | None:
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


def _files(values: Sequence[str]) -> Sequence[str]:
    if not all(values) or len(values) > MAX_FILES:
        raise BadQuery("file")
    return values
