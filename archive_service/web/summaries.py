"""Size, number of files and newest time of many albums at once, for a page of many buttons.

Each album that can't be given out at this moment is null: missing, being uploaded, or on a disk
that does not answer within DEADLINE_S.  So one album holds up no page.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from aiohttp import web

from archive_service.archive.errors import (
    ArchiveNotFound,
    BadQuery,
    LinkNotSigned,
    StorageUnavailable,
)
from archive_service.archive.id import ArchiveId, InvalidArchiveId
from archive_service.archive.signed_link import SigningPolicy
from archive_service.http.query_pairs import query_pairs
from archive_service.storage.time_limits import ended_within
from archive_service.transfer.service import ArchiveService
from archive_service.web.limits.fair_use import FairUse
from archive_service.web.manifest import Manifests, summary

MAX_ALBUMS = 100
"""As many hashes of 70 characters as a request line can hold."""
DEADLINE_S = 1.5
"""Less than the two seconds for which the documented functions of a site wait."""
_AT_ONCE = 16
_NULL = b"null"


class Summaries:
    """Answers `/archive/`."""

    def __init__(
        self,
        service: ArchiveService,
        manifests: Manifests,
        fair_use: FairUse,
        signing: SigningPolicy | None,
    ) -> None:
        self._service = service
        self._manifests = manifests
        self._fair_use = fair_use
        self._signing = signing

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a question for albums; raise BadQuery, or LinkNotSigned.

        Where links have to be signed, the hashes alone must open nothing: the site alone may ask.
        """
        is_site = self._fair_use.is_site(request)
        if self._signing is not None and not is_site:
            raise LinkNotSigned
        names = list(dict.fromkeys(query_pairs(request.rel_url.raw_query_string).values("archive")))
        if not 1 <= len(names) <= MAX_ALBUMS:
            raise BadQuery("archive")
        places = asyncio.Semaphore(_AT_ONCE)
        found = await asyncio.gather(*(self._summary(name, places) for name in names))
        missing = found.count(None)
        if missing and not is_site:
            await self._fair_use.note_failed_lookups(request, missing)
        body = _printed(dict(zip(names, found, strict=True)))
        return web.Response(
            body=body, content_type="application/json", headers={"Accept-Ranges": "none"}
        )

    async def _summary(self, name: str, places: asyncio.Semaphore) -> bytes | None:
        """Return the summary of an album; None where there is no album."""
        try:
            archive = ArchiveId.parse(name)
            return await ended_within(DEADLINE_S, self._described(archive, places))
        except (ArchiveNotFound, InvalidArchiveId):
            return None
        except (StorageUnavailable, asyncio.TimeoutError):
            return _NULL

    async def _described(self, archive: ArchiveId, places: asyncio.Semaphore) -> bytes:
        async with places:
            representation = await self._service.represent(archive)
            return await self._manifests.body(representation, summary)


def _printed(summaries: Mapping[str, bytes | None]) -> bytes:
    members = (
        json.dumps(name).encode() + b":" + (found or _NULL) for name, found in summaries.items()
    )
    return b'{"archives":{' + b",".join(members) + b"}}"
