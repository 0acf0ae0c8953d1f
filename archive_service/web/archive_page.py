"""The page about an archive: a link to send to people, who see what they will get.

It costs a listing, as the manifest does: no file is read, and no slot is taken.  The signature of
the archive's link is good for it, and the button leads to that link.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from aiohttp import web

from archive_service.archive.errors import AlbumEmpty, LinkExpired
from archive_service.archive.representation import Representation
from archive_service.archive.signed_link import Verdict
from archive_service.http.negotiation import preferred
from archive_service.http.query_pairs import query_pairs
from archive_service.web.failures import LANGUAGES, page_response
from archive_service.web.options import WebOptions
from archive_service.web.pages.render import AboutArchive, Pages
from archive_service.web.query import ArchiveQuery, parse_query

MAX_LISTED = 1000
"""Names that the page shows at most, where it shows any."""
_DOWNLOAD = "download"
"""The parameter of the button's link: an answer to it is the archive, whatever the settings say."""
_KEPT = frozenset(("expires", "name", "file", "select", "signature"))
_SUFFIX = ".zip"


class ArchivePage:
    """Answers `/archive/{hash}/page`."""

    def __init__(
        self,
        pages: Pages,
        options: WebOptions,
        *,
        judged: Callable[[web.Request], Verdict],
        describe: Callable[[web.Request, ArchiveQuery], Awaitable[Representation]],
    ) -> None:
        self._pages = pages
        self._options = options
        self._judged = judged
        self._describe = describe

    def is_wanted(self, request: web.Request) -> bool:
        """Tell whether a person has opened an archive's link, and is to see the page first.

        A program that resumes asks for a range; the button's link has a parameter of its own.
        """
        return (
            self._options.pages_for_browsers
            and request.method == "GET"
            and "Range" not in request.headers
            and "text/html" in request.headers.get("Accept", "")
            and not query_pairs(request.rel_url.raw_query_string).values(_DOWNLOAD)
        )

    async def answer(self, request: web.Request) -> web.Response:
        """Answer with the page; raise as the archive's link does, and AlbumEmpty."""
        if self._judged(request) is Verdict.LAPSED:
            raise LinkExpired
        query = parse_query(request.rel_url.raw_query_string)
        representation = await self._describe(request, query)
        about = self._about(request, query, representation)
        if not about.files:
            raise AlbumEmpty
        language = preferred(request.headers.get("Accept-Language"), LANGUAGES)
        nonce = secrets.token_urlsafe(16)
        text = self._pages.archive(language, about, nonce=nonce)
        return page_response(text, 200, language, nonce=nonce)

    def _about(
        self, request: web.Request, query: ArchiveQuery, representation: Representation
    ) -> AboutArchive:
        layout = representation.layout
        files = list(layout.files())
        listed = files[:MAX_LISTED] if self._options.page_lists_files else []
        pairs = query_pairs(request.rel_url.raw_query_string).pairs
        link = [(name, value) for name, value in pairs if name in _KEPT] + [(_DOWNLOAD, "1")]
        return AboutArchive(
            name=(query.download_name or representation.download_name or "").removesuffix(_SUFFIX),
            size_bytes=representation.complete_length,
            files=len(files),
            link=f"/archive/{representation.archive.value}/?"
            + urlencode(link, errors="surrogateescape"),
            listed=[representation.name(entry) for entry in listed],
        )
