"""Answers `/archive/{hash}/`: the request is taken apart, the answer planned and sent."""

from __future__ import annotations

import time

from aiohttp import web

from archive_service.archive.errors import AlbumEmpty, LinkExpired
from archive_service.archive.representation import Representation
from archive_service.archive.signed_link import LinkVerdict
from archive_service.http.content_disposition import NO_ENDING, Ending, content_disposition
from archive_service.http.multipart import Literal
from archive_service.http.negotiation import preferred
from archive_service.http.request_fields import RequestFields
from archive_service.http.response_plan import (
    FAILED_PRECONDITION,
    ResponsePlan,
    SelectedRepresentation,
    continues_unguarded,
    is_beginning,
    is_resumption,
    plan,
)
from archive_service.observe.events import DownloadResumed, DownloadStarted, Observe
from archive_service.transfer.download import DownloadRun
from archive_service.transfer.response_transfer import Transfer
from archive_service.transfer.sending_pace import AdaptivePace, DelayedPace, Pace
from archive_service.transfer.service import ArchiveService
from archive_service.web.archive_parts import ending_of
from archive_service.web.archive_requests import ArchiveRequests
from archive_service.web.failures import LANGUAGES, failed_plan_response
from archive_service.web.limits.fair_use import FairUse
from archive_service.web.limits.resumption_guard import GuardedDownload
from archive_service.web.options import WebOptions
from archive_service.web.query import ArchiveQuery, parse_query, with_suffix
from archive_service.web.validators import validators_of


class DownloadRoute:
    """Answers with an archive, or with a part of it."""

    def __init__(
        self,
        service: ArchiveService,
        observe: Observe,
        options: WebOptions,
        fair_use: FairUse,
        requests: ArchiveRequests,
    ) -> None:
        self._service = service
        self._observe = observe
        self._options = options
        self._fair_use = fair_use
        self._resumptions = fair_use.resumptions
        self._requests = requests
        self._turns = service.turns

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer with the bytes that a request asks for."""
        fields = RequestFields.of(request.method, request.headers.items())
        verdict = self._requests.judged(request)
        if verdict is LinkVerdict.LAPSED and not fields.can_be_resumption():
            raise LinkExpired
        query = parse_query(request.rel_url.raw_query_string)
        representation = await self._requests.described(request, query)
        self._require_files(representation, query)
        answer = self._planned(fields, representation, verdict)
        download = self._resumptions.guarded(request, representation, files=query.taken)
        if continues_unguarded(answer, fields) and await self._resumptions.refuses(
            download, position=answer.first_offset
        ):
            answer = FAILED_PRECONDITION
        if answer is FAILED_PRECONDITION and not fields.is_guarded():
            await self._fair_use.not_resumed(request)
        if failed := failed_plan_response(request, answer):
            return failed
        response = self._response(request, answer, query, representation=representation)
        if answer.body and request.method == "GET":
            if is_beginning(answer, fields):
                self._resumptions.note_beginning(download)
            await self._send(request, response, representation, answer=answer, download=download)
        else:
            await response.prepare(request)
        return response

    def _planned(
        self, fields: RequestFields, representation: Representation, verdict: LinkVerdict
    ) -> ResponsePlan:
        """Plan the answer; raise LinkExpired where a lapsed link resumes nothing."""
        now_s = int(time.time())
        validators = validators_of(representation, now_s)
        target = SelectedRepresentation(
            representation.complete_length, "application/zip", validators
        )
        answer = plan(fields, target, now_s=now_s)
        if verdict is LinkVerdict.LAPSED and not is_resumption(answer, fields, validators):
            raise LinkExpired
        return answer

    def _require_files(self, representation: Representation, query: ArchiveQuery) -> None:
        if query.taken or self._options.sends_empty_archives:
            return
        if not representation.layout.holds_files():
            raise AlbumEmpty

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
        if answer.body:
            default = representation.download_name or self._options.download_name
            name = query.download_name or with_suffix(default)
            ending = _ending(request, query)
            response.headers["Content-Disposition"] = content_disposition(name, ending)
        return response

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        representation: Representation,
        *,
        answer: ResponsePlan,
        download: GuardedDownload,
    ) -> None:
        first_offset = answer.first_offset
        started = (DownloadResumed if first_offset else DownloadStarted)(
            representation.archive,
            answer.status,
            first_offset,
            answer.content_length,
            representation.complete_length,
            representation.layout.entries,
        )
        transfer = Transfer(request, response, stall_timeout_s=self._options.stall_timeout_s)
        slot = self._fair_use.download(
            request,
            representation.archive,
            transfer=transfer,
            content_length=started.content_length,
            pace=self._pace(),
        )
        content = self._service.content(representation)
        slices = [part for part in answer.body if not isinstance(part, Literal)]
        try:
            with slot as pace:
                async with content.watched(slices, pace), transfer:
                    run = self._run(started, transfer, pace)
                    await run.send(answer, content)
                    if run.has_failed:
                        self._resumptions.note_cut(
                            download, started, sent_bytes=transfer.sent_bytes
                        )
        finally:
            self._resumptions.note_end(download, started, sent_bytes=transfer.sent_bytes)

    def _run(self, started: DownloadStarted, transfer: Transfer, pace: Pace) -> DownloadRun:
        observe, turns = self._observe, self._turns
        return DownloadRun(started, transfer, pace=pace, turns=turns, observe=observe)

    def _pace(self) -> AdaptivePace | DelayedPace:
        if self._options.delay_s is None:
            return AdaptivePace()
        return DelayedPace(self._options.delay_s)


def _ending(request: web.Request, query: ArchiveQuery) -> Ending:
    """Return what the file name of the answer ends with, in the visitor's language for a part."""
    if query.part is None:
        return NO_ENDING
    language = preferred(request.headers.get("Accept-Language"), LANGUAGES)
    return ending_of(query.part, language)
