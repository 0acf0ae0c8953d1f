"""The link that a form of chosen files leads to: short, and good on every replica.

It is the link that the form was sent to, with the chosen entries in `select`.  A signature does not
cover `select`: it only narrows what the link gives out.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from archive_service.archive.errors import BadQuery, TooManyChosen
from archive_service.archive.id import ArchiveId
from archive_service.archive.selection import selection_of
from archive_service.archive.signed_link import SigningPolicy
from archive_service.http.query_pairs import QueryPairs, query_pairs
from archive_service.web.archive_requests import ArchiveRequests
from archive_service.web.derived_links import SIGNED, archive_link
from archive_service.web.form import ChosenFiles, FormReader
from archive_service.web.query import ArchiveQuery, parse_query, with_suffix

MAX_LOCATION_BYTES = 8000
"""Web servers take request lines of 8 KB, and some count the method and the version."""


class SelectionForms:
    """Turns the forms that come to one process into links."""

    def __init__(self, requests: ArchiveRequests) -> None:
        self._requests = requests
        self._forms = FormReader()

    async def location(self, request: web.Request) -> str:
        """Return path and query of the archive that a form has chosen.

        Raise what `FormReader.read` and `ArchiveRequests.described` raise, and TooManyChosen.
        """
        query = parse_query(request.rel_url.raw_query_string)
        if query.selection is not None:  # its numbers are those of the link without it
            raise BadQuery("select")
        if query.part is not None:
            raise BadQuery("part")
        chosen = await self._forms.read(request)
        name = _new_name(chosen, query, self._requests.signing)
        whole = await self._requests.described(request, query)
        selection = None
        if chosen.files:
            part = await self._requests.described(request, ArchiveQuery(None, chosen.files))
            selection = await asyncio.to_thread(selection_of, part, whole)
        link = query_pairs(request.rel_url.raw_query_string)
        return selecting_link(whole.archive, link, name, selection=selection)


def _new_name(
    chosen: ChosenFiles, query: ArchiveQuery, signing: SigningPolicy | None
) -> str | None:
    """Return the name that replaces the link's own; None where that stays.

    Where links are signed the name is, too: raise BadQuery for another one.
    """
    if signing is None or chosen.name is None:
        return chosen.name
    if with_suffix(chosen.name) != query.download_name:
        raise BadQuery("form")
    return None


def selecting_link(
    archive: ArchiveId, link: QueryPairs, name: str | None, *, selection: str | None
) -> str:
    """Return path and query of a link with another name, and narrowed to a selection.

    Raise TooManyChosen where it fits no request line.
    """
    kept = SIGNED - {"name"} if name else SIGNED
    pairs = [(each, value) for each, value in link.pairs if each in kept]
    pairs += [("name", name)] if name else []
    pairs += [("select", selection)] if selection else []
    location = archive_link(archive, pairs)
    if len(location) > MAX_LOCATION_BYTES:
        raise TooManyChosen
    return location
