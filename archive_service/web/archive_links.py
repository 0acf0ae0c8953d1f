"""Links to an archive that are made of the link of a request."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from archive_service.archive.id import ArchiveId
from archive_service.archive.parts import PartNumber

SIGNED = frozenset(("expires", "name", "file", "signature"))
"""The parameters that a signature covers, and it."""
KEPT = SIGNED | {"select", "part"}
"""The parameters that say which archive a link leads to, and under which name it is saved."""


def archive_link(archive: ArchiveId, pairs: Iterable[tuple[str, str]]) -> str:
    """Return path and query of an archive."""
    query = "&".join(f"{name}={_encoded(name, value)}" for name, value in pairs)
    return f"/archive/{archive.value}/" + (f"?{query}" if query else "")


def part_link(
    archive: ArchiveId, pairs: Iterable[tuple[str, str]], part: PartNumber, *more: tuple[str, str]
) -> str:
    """Return path and query of a part of the archive that parameters lead to."""
    kept = [(name, value) for name, value in pairs if name in KEPT]
    number = [("part", f"{part.number}/{part.of}")] if part.of > 1 else []
    return archive_link(archive, [*kept, *number, *more])


def _encoded(name: str, value: str) -> str:
    safe = "/" if name == "part" else ""  # RFC 3986 section 3.4 lets it stand in a query
    return quote(value, safe=safe, errors="surrogateescape")
