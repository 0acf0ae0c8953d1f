"""The page about an archive: a link to send to people, who see what they will get.

It costs a listing, as the manifest does: no file is read, and no slot is taken.  The signature of
the archive's link is good for it, and the button leads to that link.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from aiohttp import web

from archive_service.archive.errors import AlbumEmpty, PartNotFound, TooManyChosen
from archive_service.archive.parts import Division
from archive_service.archive.representation import Representation
from archive_service.http.negotiation import preferred
from archive_service.http.query_pairs import query_pairs
from archive_service.web.archive_parts import ending_of
from archive_service.web.archive_requests import ArchiveRequests
from archive_service.web.derived_links import KEPT, archive_link, part_links
from archive_service.web.failures import LANGUAGES, page_response
from archive_service.web.options import WebOptions
from archive_service.web.pages.render import AboutArchive, AboutPart, render_archive
from archive_service.web.query import ArchiveQuery

MAX_LISTED = 1000
"""The most names that the page shows, if it shows any."""
_DOWNLOAD = ("download", "1")
"""A parameter of the button's link: its answer is the archive, whatever ARCHIVE_PAGES says."""
_SUFFIX = ".zip"


class ArchivePage:
    """Answers `/archive/{hash}/page`."""

    def __init__(self, options: WebOptions, requests: ArchiveRequests) -> None:
        self._options = options
        self._requests = requests

    def is_wanted(self, request: web.Request) -> bool:
        """Return whether a person has opened an archive's link, and is to see the page first.

        A program that resumes asks for a range; the button's link has a parameter of its own.
        """
        return (
            self._options.pages_for_browsers
            and request.method == "GET"
            and "Range" not in request.headers
            and "text/html" in request.headers.get("Accept", "")
            and not query_pairs(request.rel_url.raw_query_string).values(_DOWNLOAD[0])
        )

    async def answer(self, request: web.Request) -> web.Response:
        """Answer with the page; raise as the archive's link does, and AlbumEmpty."""
        query, representation = await self._requests.at(request)
        language = preferred(request.headers.get("Accept-Language"), LANGUAGES)
        about = self._about(request, query, representation, language)
        if not about.files:
            raise AlbumEmpty
        about = replace(about, parts=await self._parts(request, query, representation))
        nonce = secrets.token_urlsafe(16)
        text = render_archive(language, about, nonce=nonce)
        return page_response(text, 200, language, nonce=nonce)

    def _about(
        self,
        request: web.Request,
        query: ArchiveQuery,
        representation: Representation,
        language: str,
    ) -> AboutArchive:
        layout = representation.layout
        listed = islice(layout.files(), MAX_LISTED if self._options.page_lists_files else 0)
        pairs = query_pairs(request.rel_url.raw_query_string).pairs
        link = [(name, value) for name, value in pairs if name in KEPT]
        return AboutArchive(
            name=(query.download_name or representation.download_name or "").removesuffix(_SUFFIX),
            ending=ending_of(query.part, language).text,
            size_bytes=representation.complete_length,
            files=layout.file_count,
            link=archive_link(representation.archive, [*link, _DOWNLOAD]),
            listed=[representation.name(entry) for entry in listed],
        )

    async def _parts(
        self, request: web.Request, query: ArchiveQuery, whole: Representation
    ) -> Sequence[AboutPart]:
        """Return the parts to offer: those of an archive that is too large for some."""
        most_bytes = self._options.part_bytes
        if query.part or not 0 < most_bytes < whole.complete_length:
            return ()
        pairs = query_pairs(request.rel_url.raw_query_string).pairs
        try:
            figures = await self._requests.parts.figures(whole, Division(most_bytes=most_bytes))
            links = part_links(whole.archive, pairs, len(figures), _DOWNLOAD)
        except (PartNotFound, TooManyChosen):  # there would be too many
            return ()
        if len(figures) == 1:
            return ()
        return [AboutPart(each.size_bytes, link) for each, link in zip(figures, links, strict=True)]
