"""The query of an archive's URL: `name`, `file`, `select` and `summary`; others are ignored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive_service.archive.errors import BadQuery
from archive_service.http.content_disposition import is_download_name
from archive_service.http.query_pairs import query_pairs

MAX_FILES = 1000
"""More than a request line of the usual length can hold, but not than every server lets through."""
_SUFFIX = ".zip"


@dataclass(frozen=True, slots=True)
class ArchiveQuery:
    """What a visitor wants of an archive, beyond the archive."""

    download_name: str | None
    files: Sequence[str]
    is_summary: bool = False
    """Whether of the manifest the short form is wanted."""
    selection: str | None = None
    """Which entries of the archive of `files`; see `archive.selection`."""

    @property
    def parts(self) -> Sequence[str]:
        """What is taken of the album, as texts; nothing stands for all of it."""
        return self.files if self.selection is None else (*self.files, f"select={self.selection}")


def parse_query(query: str) -> ArchiveQuery:
    """Read a query as it is in the URL; raise BadQuery with the parameter that can't be used."""
    read = query_pairs(query)
    if read.is_ambiguous:
        raise BadQuery("ampersand")
    files = file_names(read.values("file"))
    if len(files) > MAX_FILES:
        raise BadQuery("file")
    return ArchiveQuery(
        download_name(read.values("name")),
        files,
        is_summary=bool(read.values("summary")),
        selection=_selection(read.values("select")),
    )


def download_name(values: Sequence[str]) -> str | None:
    """Return the file name that the values of `name` give; raise BadQuery."""
    if not values:
        return None
    name = values[0].strip()
    if len(values) > 1 or not is_download_name(name):
        raise BadQuery("name")
    return with_suffix(name)


def with_suffix(name: str) -> str:
    """Return the name of a file that unzip programs know as theirs."""
    return name if name.lower().endswith(_SUFFIX) else name + _SUFFIX


def file_names(values: Sequence[str]) -> Sequence[str]:
    """Return the values of `file`; raise BadQuery where one is empty."""
    if not all(values):
        raise BadQuery("file")
    return values


def _selection(values: Sequence[str]) -> str | None:
    if len(values) > 1:
        raise BadQuery("select")
    return values[0] if values else None
