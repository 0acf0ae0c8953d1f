"""Judges the link of a request, and describes the archive that it leads to."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from archive_service.archive.errors import LinkExpired, LinkNotSigned
from archive_service.archive.id import ArchiveId
from archive_service.archive.representation import Representation
from archive_service.archive.selection import narrowed
from archive_service.archive.signed_link import LinkVerdict, SigningPolicy, judge
from archive_service.http.query_pairs import query_pairs
from archive_service.observe.events import ArchiveDescribed, Observe
from archive_service.transfer.service import ArchiveService
from archive_service.web.archive_parts import ArchiveParts
from archive_service.web.query import ArchiveQuery, parse_query


class ArchiveRequests:
    """Describes the archives of requests, for all routes; for calls from one event loop."""

    def __init__(
        self, service: ArchiveService, observe: Observe, signing: SigningPolicy | None
    ) -> None:
        self.signing = signing
        self.parts = ArchiveParts(service)
        self._service = service
        self._observe = observe

    async def at(self, request: web.Request) -> tuple[ArchiveQuery, Representation]:
        """Describe the archive of a request that sends nothing of it.

        Raise as `judged` and `described` do, and LinkExpired for a lapsed link: there is no
        download that it could complete.
        """
        if self.judged(request) is LinkVerdict.LAPSED:
            raise LinkExpired
        query = parse_query(request.rel_url.raw_query_string)
        return query, await self.described(request, query)

    def judged(self, request: web.Request) -> LinkVerdict:
        """Return GOOD or LAPSED; raise LinkNotSigned or LinkExpired.

        Judge a link before the album is looked up: the answer to a link that is not signed must
        not show whether the album exists.
        """
        if self.signing is None:
            return LinkVerdict.GOOD
        query = query_pairs(request.rel_url.raw_query_string)
        hash_ = request.match_info["hash"]
        verdict = judge(hash_, query.pairs, self.signing, now_s=int(time.time()))
        if verdict is LinkVerdict.NOT_SIGNED:
            raise LinkNotSigned
        if verdict is LinkVerdict.EXPIRED:
            raise LinkExpired
        return verdict

    async def described(self, request: web.Request, query: ArchiveQuery) -> Representation:
        """Describe what a query asks for; raise what `ArchiveService.represent` raises.

        Raise InvalidArchiveId, BadQuery, SelectionOutdated or PartNotFound as well.
        """
        archive = ArchiveId.parse(request.match_info["hash"])
        began_s = time.monotonic()
        representation = await self._service.represent(archive, query.files)
        if query.selection is not None:
            representation = await asyncio.to_thread(narrowed, representation, query.selection)
        if query.part is not None:
            representation = await self.parts.part(representation, query.part)
        self._observe(
            ArchiveDescribed(
                archive,
                entries=representation.layout.entries,
                duration_s=time.monotonic() - began_s,
            )
        )
        return representation
