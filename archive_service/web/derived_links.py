"""Links to an archive that are made of the link of a request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from archive_service.archive.errors import TooManyChosen
from archive_service.archive.id import ArchiveId

SIGNED = frozenset(("expires", "name", "file", "signature"))
"""The parameters that a signature covers, and it."""
KEPT = SIGNED | {"select", "part"}
"""The parameters that say which archive a link leads to, and under which name it is saved."""
MAX_LINKS_BYTES = 1024 * 1024
"""Of the links of all parts together: no answer is a thousand times its request."""


def archive_link(archive: ArchiveId, pairs: Iterable[tuple[str, str]]) -> str:
    """Return path and query of an archive."""
    query = "&".join(f"{name}={_encoded(name, value)}" for name, value in pairs)
    return f"/archive/{archive.value}/" + (f"?{query}" if query else "")


def part_links(
    archive: ArchiveId, pairs: Iterable[tuple[str, str]], of: int, *more: tuple[str, str]
) -> Sequence[str]:
    """Return path and query of all parts of the archive that parameters lead to.

    Raise TooManyChosen where they are long and many.
    """
    link = archive_link(archive, [*((name, each) for name, each in pairs if name in KEPT), *more])
    if of == 1:
        return [link]
    if of * len(link) > MAX_LINKS_BYTES:
        raise TooManyChosen
    return [f"{link}{'&' if '?' in link else '?'}part={number + 1}/{of}" for number in range(of)]


def _encoded(name: str, value: str) -> str:
    safe = "/" if name == "part" else ""  # RFC 3986 section 3.4 lets it stand in a query
    return quote(value, safe=safe, errors="surrogateescape")
