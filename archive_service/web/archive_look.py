"""What the routes that look at an archive, and send nothing of it, have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from archive_service.archive.errors import LinkExpired
from archive_service.archive.representation import Representation
from archive_service.archive.signed_link import Verdict
from archive_service.web.archive_parts import ArchiveParts
from archive_service.web.query import ArchiveQuery, parse_query

Describe = Callable[[web.Request, ArchiveQuery], Awaitable[Representation]]


class ArchiveLook(NamedTuple):
    """How a request for an archive is judged and described."""

    judged: Callable[[web.Request], Verdict]
    describe: Describe
    parts: ArchiveParts

    async def at(self, request: web.Request) -> tuple[ArchiveQuery, Representation]:
        """Describe the archive of a request; raise as its link does, and LinkExpired for a lapsed.

        There is no download that it could complete.
        """
        if self.judged(request) is Verdict.LAPSED:
            raise LinkExpired
        query = parse_query(request.rel_url.raw_query_string)
        return query, await self.describe(request, query)
