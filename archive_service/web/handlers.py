"""What the routes do: requests taken apart, representations planned and sent."""

from __future__ import annotations

import asyncio
import secrets
import time

from aiohttp import web

from archive_service.archive.errors import (
    AlbumEmpty,
    LinkExpired,
    LinkNotSigned,
    SpeculativeRequest,
)
from archive_service.archive.id import ArchiveId
from archive_service.archive.representation import Representation
from archive_service.archive.selection import narrowed
from archive_service.archive.signed_link import Verdict, judge
from archive_service.http.content_disposition import content_disposition
from archive_service.http.negotiation import preferred
from archive_service.http.purpose import is_speculative
from archive_service.http.query_pairs import query_pairs
from archive_service.http.request_fields import RequestFields
from archive_service.http.response_plan import (
    CHANGED_MEANWHILE,
    ResponsePlan,
    Target,
    continues_unguarded,
    is_beginning,
    is_resumption,
    plan,
)
from archive_service.observe.events import (
    ArchiveDescribed,
    DownloadResumed,
    DownloadStarted,
    Observe,
)
from archive_service.transfer.chunk_size import AdaptivePace, DelayedPace
from archive_service.transfer.connection import Transfer
from archive_service.transfer.download import DownloadRun
from archive_service.transfer.service import ArchiveService
from archive_service.web.archive_look import ArchiveLook
from archive_service.web.archive_page import ArchivePage
from archive_service.web.archive_parts import ArchiveParts, ending_of
from archive_service.web.failures import (
    LANGUAGES,
    failed_plan_response,
    page_response,
)
from archive_service.web.limits.admission import FairUse
from archive_service.web.limits.resumption_guard import Beginning
from archive_service.web.manifest import Manifests
from archive_service.web.manifest_route import ManifestRoute
from archive_service.web.options import WebOptions
from archive_service.web.pages.render import Pages
from archive_service.web.query import ArchiveQuery, parse_query, with_suffix
from archive_service.web.selection_links import SelectionForms
from archive_service.web.summaries import Summaries
from archive_service.web.validators import validators_of


class Handlers:
    """The routes' handlers."""

    def __init__(
        self,
        service: ArchiveService,
        observe: Observe,
        pages: Pages,
        options: WebOptions,
        fair_use: FairUse,
    ) -> None:
        self._service = service
        self._observe = observe
        self._pages = pages
        self._options = options
        self._fair_use = fair_use
        self._forms = SelectionForms()
        self._resumptions = fair_use.resumptions
        self._parts = ArchiveParts(service)
        manifests = Manifests(service)
        look = ArchiveLook(self._judged, self._describe, self._parts)
        self.summaries = Summaries(service, manifests, fair_use, options.signing)
        self.page = ArchivePage(pages, options, look)
        self.manifest = ManifestRoute(pages, options, look, manifests)

    async def index(self, request: web.Request) -> web.StreamResponse:
        """Answer `/`."""
        language = preferred(request.headers.get("Accept-Language"), LANGUAGES)
        nonce = secrets.token_urlsafe(16)
        text = self._pages.index(language, example_albums=self._options.example_albums, nonce=nonce)
        return page_response(text, 200, language, nonce=nonce)

    async def redirect(self, request: web.Request) -> web.StreamResponse:
        """Answer `/archive/{hash}`: the slash is missing.  Existing and missing are alike."""
        archive = ArchiveId.parse(request.match_info["hash"])
        query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
        location = f"/archive/{archive.value}/{query}"
        # aiohttp would leave the length out for HEAD.
        return web.Response(status=301, headers={"Location": location, "Content-Length": "0"})

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Answer `/archive/{hash}/`."""
        _reject_speculation(request)
        if self.page.is_wanted(request):
            return await self.page.answer(request)
        fields = RequestFields.of(request.method, request.headers.items())
        verdict = self._judged(request)
        if verdict is Verdict.LAPSED and not fields.can_be_resumption():
            raise LinkExpired
        query = parse_query(request.rel_url.raw_query_string)
        representation = await self._describe(request, query)
        self._require_files(representation, query)
        answer = self._planned(fields, representation, verdict)
        if continues_unguarded(answer, fields) and await self._resumptions.refuses(
            request, representation, files=query.taken
        ):
            answer = CHANGED_MEANWHILE
        if answer is CHANGED_MEANWHILE and not fields.is_guarded():
            await self._fair_use.not_resumed(request)
        if failed := failed_plan_response(request, self._pages, answer):
            return failed
        response = self._response(request, answer, query, representation=representation)
        if not answer.parts or request.method != "GET":
            await response.prepare(request)
            return response
        begun = None
        if is_beginning(answer, fields):
            begun = self._resumptions.note_beginning(request, representation, files=query.taken)
        await self._send(request, response, representation, answer=answer, begun=begun)
        return response

    def _planned(
        self, fields: RequestFields, representation: Representation, verdict: Verdict
    ) -> ResponsePlan:
        """Plan the answer; raise LinkExpired where a lapsed link resumes nothing."""
        now_s = int(time.time())
        validators = validators_of(representation, now_s)
        target = Target(representation.complete_length, "application/zip", validators)
        answer = plan(fields, target, now_s=now_s)
        if verdict is Verdict.LAPSED and not is_resumption(answer, fields, validators):
            raise LinkExpired
        return answer

    async def choose(self, request: web.Request) -> web.StreamResponse:
        """Answer a form of chosen files by the link to their archive (RFC 9110 section 15.4.4)."""
        if self._judged(request) is Verdict.LAPSED:
            raise LinkExpired
        location = await self._forms.location(request, self._describe, self._options.signing)
        return web.Response(status=303, headers={"Location": location, "Content-Length": "0"})

    def _require_files(self, representation: Representation, query: ArchiveQuery) -> None:
        if query.taken or self._options.sends_empty_archives:
            return
        if not representation.layout.holds_files():
            raise AlbumEmpty

    def _judged(self, request: web.Request) -> Verdict:
        """Return GOOD or LAPSED; raise LinkNotSigned or LinkExpired.

        It comes before anything that the album has a part in: of a link that is not signed the
        same is told whether the album exists or not.
        """
        policy = self._options.signing
        if policy is None:
            return Verdict.GOOD
        query = query_pairs(request.rel_url.raw_query_string)
        verdict = judge(request.match_info["hash"], query.pairs, policy, now_s=int(time.time()))
        if verdict is Verdict.NOT_SIGNED:
            raise LinkNotSigned
        if verdict is Verdict.EXPIRED:
            raise LinkExpired
        return verdict

    async def _describe(self, request: web.Request, query: ArchiveQuery) -> Representation:
        archive = ArchiveId.parse(request.match_info["hash"])
        began_s = time.monotonic()
        representation = await self._service.represent(archive, query.files)
        if query.selection is not None:
            representation = await asyncio.to_thread(narrowed, representation, query.selection)
        if query.part is not None:
            representation = await self._parts.part(representation, query.part)
        self._observe(
            ArchiveDescribed(
                archive,
                entries=representation.layout.entries,
                duration_s=time.monotonic() - began_s,
            )
        )
        return representation

    def _response(
        self,
        request: web.Request,
        answer: ResponsePlan,
        query: ArchiveQuery,
        *,
        representation: Representation,
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=dict(answer.fields))
        if query.part:
            response.headers["Vary"] = "Accept-Language"
        if answer.parts:
            default = representation.download_name or self._options.download_name
            name = query.download_name or with_suffix(default)
            language = preferred(request.headers.get("Accept-Language"), LANGUAGES)
            ending = ending_of(query.part, language)
            response.headers["Content-Disposition"] = content_disposition(name, ending)
        return response

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        representation: Representation,
        *,
        answer: ResponsePlan,
        begun: Beginning | None,
    ) -> None:
        started = (DownloadResumed if answer.first_offset else DownloadStarted)(
            representation.archive,
            answer.status,
            answer.first_offset,
            answer.content_length,
            representation.complete_length,
            representation.layout.entries,
        )
        transfer = self._transfer(request, response)
        slot = self._fair_use.download(
            request,
            representation.archive,
            transfer=transfer,
            content_length=answer.content_length,
            pace=self._pace(),
        )
        try:
            with slot as pace:
                async with transfer:
                    run = DownloadRun(started, transfer, pace, self._observe)
                    await run.send(answer, self._service.content(representation))
        finally:
            if begun:
                self._resumptions.note_end(begun, started, sent_bytes=transfer.sent_bytes)

    def _transfer(self, request: web.Request, response: web.StreamResponse) -> Transfer:
        return Transfer(request, response, stall_timeout_s=self._options.stall_timeout_s)

    def _pace(self) -> AdaptivePace | DelayedPace:
        if self._options.delay_s is None:
            return AdaptivePace()
        return DelayedPace(self._options.delay_s)


def _reject_speculation(request: web.Request) -> None:
    if is_speculative(request.method, request.headers.items()):
        raise SpeculativeRequest
