"""The web application: routes, header fields of every answer, and failures as pages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from archive_service.archive.errors import (
    AlbumInMotion,
    ArchiveNotFound,
    LinkInvalid,
    NotFound,
    Refused,
    StorageUnavailable,
    errno_name,
)
from archive_service.archive.id import ArchiveId, InvalidArchiveId
from archive_service.observe import events
from archive_service.storage.newcomers import Newcomers
from archive_service.transfer.service import ArchiveService
from archive_service.web import request_id
from archive_service.web.failures import failure_of, failure_response
from archive_service.web.handlers import Handlers
from archive_service.web.limits.fair_use import FairUse
from archive_service.web.options import WebOptions
from archive_service.web.response_headers import add_fields, is_of_archive


def create_app(
    service: ArchiveService,
    observe: events.Observe,
    options: WebOptions,
    fair_use: FairUse | None = None,
    *,
    around: Sequence[Middleware] = (),
) -> web.Application:
    """Build the application; the caller closes the service when the application has stopped.

    `observe` must not raise: make it with `to_each`.  Without `fair_use` there are no limits.
    The middlewares `around` are the outermost: they see all that a visitor gets.
    """
    fair_use = fair_use or FairUse.unlimited(observe)
    handlers = Handlers(service, observe, options, fair_use)
    middlewares = [
        *around,
        _counted_as_newcomers(service.newcomers),
        request_id.named,
        _failures_as_pages(observe),
        _fair_use_of_archives(fair_use),
    ]
    app = web.Application(middlewares=middlewares)
    app.on_response_prepare.extend((_add_fields, request_id.echo))
    _add_routes(app, handlers)
    return app


def _add_routes(app: web.Application, handlers: Handlers) -> None:
    app.router.add_get("/", handlers.index)
    app.router.add_get("/archive/{hash}/", handlers.download)  # it is the most frequent
    app.router.add_post("/archive/{hash}/", handlers.choose)
    app.router.add_get("/archive/{hash}", handlers.redirect)
    app.router.add_get("/archive/{hash}/page", handlers.page.answer)
    app.router.add_get("/archive/", handlers.summaries.answer)
    app.router.add_get("/archive/{hash}/manifest.json", handlers.manifest.answer)


async def _add_fields(request: web.Request, response: web.StreamResponse) -> None:
    add_fields(request, response)
    if "Upgrade" in request.headers:
        # aiohttp may leave what follows such a request unanswered.
        response.force_close()
        response.headers["Connection"] = "close"  # aiohttp has chosen that field before


def _counted_as_newcomers(newcomers: Newcomers) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        with newcomers.coming(asyncio.get_running_loop()):
            return await handler(request)

    return middleware


def _fair_use_of_archives(fair_use: FairUse) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_of_archive(request):
            return await handler(request)
        fair_use.admit(request)
        try:
            return await handler(request)
        except (ArchiveNotFound, InvalidArchiveId):
            await fair_use.note_failed_lookups(request)
            raise

    return middleware


def _failures_as_pages(observe: events.Observe) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConnectionError:  # the client has left before it was answered
            raise
        except Exception as error:  # noqa: BLE001 - for every error the visitor gets a page
            if event := _event_of(_archive_of(request), error):
                observe(event)
            return failure_response(request, failure_of(error))

    return middleware


def _event_of(archive: ArchiveId | None, error: Exception) -> events.Event | None:
    """Return the event for an error; None for a mistake of the client."""
    if isinstance(error, (NotFound, InvalidArchiveId, web.HTTPNotFound)):
        return events.ArchiveMissing(archive)
    if isinstance(error, AlbumInMotion):
        return events.ArchiveInMotion(archive)
    if isinstance(error, LinkInvalid):
        return events.LinkRefused(archive, error.reason)
    if isinstance(error, Refused):
        return events.RequestRefused(error.reason)
    is_unexpected = failure_of(error).status == HTTPStatus.INTERNAL_SERVER_ERROR
    if is_unexpected or isinstance(error, StorageUnavailable):
        return events.AnswerFailed(archive, _reason_of(error))
    return None


def _reason_of(error: Exception) -> str:
    if isinstance(error, StorageUnavailable):
        return error.reason
    # The text of an unexpected error may hold a path, and a path holds the archive's id.
    return errno_name(error) if isinstance(error, OSError) else type(error).__name__


def _archive_of(request: web.Request) -> ArchiveId | None:
    try:
        return ArchiveId.parse(request.match_info.get("hash", ""))
    except InvalidArchiveId:
        return None
