"""The query of an archive's URL; parameters that the service does not know are ignored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from archive_service.archive.errors import BadQuery
from archive_service.archive.parts import MOST_PARTS, Division, PartNumber
from archive_service.archive.units import size_bytes
from archive_service.http.content_disposition import is_download_name
from archive_service.http.query_pairs import QueryPairs, query_pairs

MAX_FILES = 1000
"""The usual request line holds fewer; some web servers in front pass longer ones on."""
_SUFFIX = ".zip"
_NUMBER = r"([1-9][0-9]{0,3})"
_COUNT, _PART = re.compile(_NUMBER), re.compile(f"{_NUMBER}/{_NUMBER}")


@dataclass(frozen=True, slots=True)
class ArchiveQuery:
    """What a visitor wants of an archive, beyond the archive."""

    download_name: str | None
    files: Sequence[str]
    is_summary: bool = False
    """Whether the short form of the manifest is asked for."""
    selection: str | None = None
    """Which entries of the archive of `files`; see `archive.selection`."""
    part: PartNumber | None = None
    """Which part of the archive of all of these."""
    division: Division | None = None
    """The parts of it that the manifest lists."""

    @property
    def taken(self) -> Sequence[str]:
        """The chosen entries of the album, as texts; empty for all of it."""
        selected = () if self.selection is None else (f"select={self.selection}",)
        part = () if self.part is None else (f"part={self.part.number}/{self.part.of}",)
        return (*self.files, *selected, *part)


_NO_QUERY = ArchiveQuery(None, ())


def parse_query(query: str) -> ArchiveQuery:
    """Read a query as it is in the URL; raise BadQuery with the parameter that can't be used."""
    if not query:
        return _NO_QUERY
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
        part=_part(read),
        division=_division(read),
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


def _part(read: QueryPairs) -> PartNumber | None:
    values = read.values("part")
    if not values:
        return None
    match = _PART.fullmatch(values[0])
    if len(values) > 1 or match is None:
        raise BadQuery("part")
    part = PartNumber(int(match[1]), int(match[2]))
    if not part.number <= part.of <= MOST_PARTS:
        raise BadQuery("part")
    return part


def _division(read: QueryPairs) -> Division | None:
    counts, sizes = read.values("parts"), read.values("part_size")
    if not counts and not sizes:
        return None
    if len(counts) + len(sizes) > 1 or read.values("part"):
        raise BadQuery("part")
    if sizes:
        return Division(most_bytes=_part_bytes(sizes[0]))
    if not _COUNT.fullmatch(counts[0]) or int(counts[0]) > MOST_PARTS:
        raise BadQuery("part")
    return Division(int(counts[0]))


def _part_bytes(text: str) -> int:
    try:
        found = size_bytes(text)
    except ValueError:
        found = 0
    if not found:
        raise BadQuery("part")
    return found
