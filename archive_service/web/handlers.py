"""The handlers of all routes; those that take more than a few lines have modules of their own."""

from __future__ import annotations

import secrets

from aiohttp import web

from archive_service.archive.errors import LinkExpired, SpeculativeRequest
from archive_service.archive.id import ArchiveId
from archive_service.archive.signed_link import LinkVerdict
from archive_service.http.browser_prefetch import is_speculative
from archive_service.http.negotiation import preferred
from archive_service.observe.events import Observe
from archive_service.transfer.service import ArchiveService
from archive_service.web.archive_page import ArchivePage
from archive_service.web.archive_requests import ArchiveRequests
from archive_service.web.download_route import DownloadRoute
from archive_service.web.failures import LANGUAGES, page_response
from archive_service.web.limits.fair_use import FairUse
from archive_service.web.manifest import Manifests
from archive_service.web.manifest_route import ManifestRoute
from archive_service.web.options import WebOptions
from archive_service.web.pages.render import render_index
from archive_service.web.selection_links import SelectionForms
from archive_service.web.summaries import Summaries


class Handlers:
    """The routes' handlers."""

    def __init__(
        self, service: ArchiveService, observe: Observe, options: WebOptions, fair_use: FairUse
    ) -> None:
        requests = ArchiveRequests(service, observe, options.signing)
        manifests = Manifests(service)
        self.page = ArchivePage(options, requests)
        self.manifest = ManifestRoute(options, requests, manifests, service.turns)
        self.summaries = Summaries(service, manifests, fair_use, options.signing)
        self._archive = DownloadRoute(service, observe, options, fair_use, requests)
        self._requests = requests
        self._forms = SelectionForms(requests)
        self._example_albums = options.example_albums

    async def index(self, request: web.Request) -> web.StreamResponse:
        """Answer `/`."""
        language = preferred(request.headers.get("Accept-Language"), LANGUAGES)
        nonce = secrets.token_urlsafe(16)
        text = render_index(language, example_albums=self._example_albums, nonce=nonce)
        return page_response(text, 200, language, nonce=nonce)

    async def redirect(self, request: web.Request) -> web.StreamResponse:
        """Answer `/archive/{hash}`: the slash is missing.  Existing and missing are alike."""
        archive = ArchiveId.parse(request.match_info["hash"])
        query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
        location = f"/archive/{archive.value}/{query}"
        # aiohttp would leave the length out for HEAD.
        return web.Response(status=301, headers={"Location": location, "Content-Length": "0"})

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Answer `/archive/{hash}/`; a person may get the page about the archive first."""
        if is_speculative(request.method, request.headers.items()):
            raise SpeculativeRequest
        route = self.page if self.page.is_wanted(request) else self._archive
        return await route.answer(request)

    async def choose(self, request: web.Request) -> web.StreamResponse:
        """Answer a form of chosen files by the link to their archive (RFC 9110 section 15.4.4)."""
        if self._requests.judged(request) is LinkVerdict.LAPSED:
            raise LinkExpired
        location = await self._forms.location(request)
        return web.Response(status=303, headers={"Location": location, "Content-Length": "0"})
