"""Answers requests for manifests: what the archive of a link holds, and its parts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from typing import NamedTuple

from aiohttp import web

from archive_service.archive.representation import Representation
from archive_service.http.multipart import Literal
from archive_service.http.query_pairs import query_pairs
from archive_service.http.request_fields import RequestFields
from archive_service.http.response_plan import (
    FAILED_PRECONDITION,
    ResponsePlan,
    SelectedRepresentation,
    continues_unguarded,
    plan,
)
from archive_service.transfer.loop_turns import AT_ONCE, LoopTurns, Turns, later_turn
from archive_service.transfer.response_transfer import Transfer
from archive_service.web.archive_requests import ArchiveRequests
from archive_service.web.derived_links import part_links
from archive_service.web.failures import failed_plan_response
from archive_service.web.manifest import ManifestHead, Manifests, summary, whole_manifest
from archive_service.web.options import WebOptions
from archive_service.web.query import ArchiveQuery
from archive_service.web.validators import validators_of


class ManifestRoute:
    """Answers `/archive/{hash}/manifest.json`; the signature is that of the archive's link."""

    def __init__(
        self,
        options: WebOptions,
        requests: ArchiveRequests,
        manifests: Manifests,
        turns: LoopTurns,
    ) -> None:
        self._stall_timeout_s = options.stall_timeout_s
        self._requests = requests
        self._manifests = manifests
        self._turns = turns

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer with the manifest; raise as the archive's link does."""
        query, representation = await self._requests.at(request)
        printer = summary if query.is_summary else whole_manifest
        parts = await self._parts(request, query, representation)
        head = _extended(await self._manifests.head(representation, printer), parts)
        now_s = int(time.time())
        validators = validators_of(representation, now_s, etag=head.etag)
        fields = RequestFields.of(request.method, request.headers.items())
        target = SelectedRepresentation(head.complete_length, "application/json", validators)
        answer = plan(fields, target, now_s=now_s)
        if continues_unguarded(answer, fields):
            answer = FAILED_PRECONDITION  # no client needs it, and it might splice two manifests
        if failed := failed_plan_response(request, answer):
            return failed
        response = web.StreamResponse(status=answer.status, headers=dict(answer.fields))
        if not answer.body or request.method != "GET":
            await response.prepare(request)
            return response
        body = await self._manifests.body(representation, printer)
        await self._send(request, response, answer, _Body(body, parts + _END))
        return response

    async def _parts(
        self, request: web.Request, query: ArchiveQuery, whole: Representation
    ) -> bytes:
        """Print the member `parts`; nothing if the request asks for no parts."""
        if query.division is None:
            return b""
        figures = await self._requests.parts.figures(whole, query.division)
        pairs = query_pairs(request.rel_url.raw_query_string).pairs
        links = part_links(whole.archive, pairs, len(figures))
        described = [
            {"size": part.size_bytes, "count": part.files, "etag": part.etag, "link": link}
            for part, link in zip(figures, links, strict=True)
        ]
        return b',"parts":' + json.dumps(described, separators=(",", ":")).encode()

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        answer: ResponsePlan,
        body: _Body,
    ) -> None:
        with suppress(asyncio.TimeoutError):
            async with Transfer(
                request, response, stall_timeout_s=self._stall_timeout_s
            ) as transfer:
                turns: Turns = self._turns if answer.content_length > _PIECE_BYTES else AT_ONCE
                for part in answer.body:
                    pieces = (
                        (memoryview(part.data),)
                        if isinstance(part, Literal)
                        else body.pieces(part.start, part.stop)
                    )
                    for piece in pieces:
                        await _send_piece(transfer, piece, turns)


_PIECE_BYTES = 512 * 1024
"""A manifest may have megabytes; the kernel would copy as many in one turn of the event loop."""
_END = b"}"
"""What follows the last member of a manifest."""


class _Body(NamedTuple):
    """A manifest, shared by requests, and the bytes that an answer has in place of its end."""

    manifest: bytes
    rest: bytes

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the bytes from `start` up to `stop`."""
        edge = len(self.manifest) - len(_END)
        if start < edge:
            for first in range(start, min(stop, edge), _PIECE_BYTES):
                yield memoryview(self.manifest)[first : min(first + _PIECE_BYTES, stop, edge)]
        if stop > edge:
            yield memoryview(self.rest)[max(start - edge, 0) : stop - edge]


async def _send_piece(transfer: Transfer, piece: memoryview, turns: Turns) -> None:
    if not turns.take():
        await later_turn(turns)
    if transfer.begin(piece):
        await transfer.finish(turns)


def _extended(head: ManifestHead, members: bytes) -> ManifestHead:
    if not members:
        return head
    digest = blake2b(head.etag.encode() + members, digest_size=16)
    return ManifestHead(head.complete_length + len(members), f'"{digest.hexdigest()}"')
