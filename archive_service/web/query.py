"""The query of an archive's URL: `?name=`, `?file=`, `?summary`; other parameters are ignored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from archive_service.archive.errors import BadQuery
from archive_service.http.content_disposition import is_download_name

MAX_FILES = 1000
"""More than a request line of the usual length can hold, but not than every server lets through."""
_SUFFIX = ".zip"


@dataclass(frozen=True, slots=True)
class ArchiveQuery:
    """What a visitor wants of an archive, beyond the archive."""

    download_name: str | None
    files: Sequence[str]
    is_summary: bool
    """Whether of the manifest the short form is wanted."""


def parse_query(query: str) -> ArchiveQuery:
    """Read a query as it is in the URL; raise BadQuery with the parameter that can't be used."""
    # Bytes that are no UTF-8 become lone surrogates, which no name may have and no file has.
    values = parse_qs(query, keep_blank_values=True, errors="surrogateescape")
    return ArchiveQuery(
        _download_name(values.get("name", [])), _files(values.get("file", [])), "summary" in values
    )


def _download_name(values: Sequence[str]) -> str | None:
    if not values:
        return None
    name = values[0].strip()
    if len(values) > 1 or not is_download_name(name):
        raise BadQuery("name")
    return with_suffix(name)


def with_suffix(name: str) -> str:
    """Return the name of a file that unzip programs know as theirs."""
    return name if name.lower().endswith(_SUFFIX) else name + _SUFFIX


def _files(values: Sequence[str]) -> Sequence[str]:
    if not all(values) or len(values) > MAX_FILES:
        raise BadQuery("file")
    return values
