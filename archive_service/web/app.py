"""The web application: routes, the fields every answer carries, and failures as pages."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from archive_service.archive.errors import (
    AlbumInMotion,
    ArchiveNotFound,
    LinkRefused,
    NotFound,
    Refused,
    StorageUnavailable,
    errno_name,
)
from archive_service.archive.id import ArchiveId, InvalidArchiveId
from archive_service.observe.base import Observer
from archive_service.transfer.service import ArchiveService
from archive_service.web import request_id
from archive_service.web.failures import failure_of, failure_response
from archive_service.web.handlers import Handlers, WebOptions
from archive_service.web.limits.admission import FairUse
from archive_service.web.pages.render import Pages
from archive_service.web.response_headers import add_fields, is_of_archive


def create_app(
    service: ArchiveService,
    observer: Observer,
    options: WebOptions,
    fair_use: FairUse | None = None,
    *,
    around: Sequence[Middleware] = (),
) -> web.Application:
    """Build the application; the caller closes the service when the application has stopped.

    Without `fair_use` there are no limits.  Middlewares `around` see all that a visitor does.
    """
    pages = Pages()
    fair_use = fair_use or FairUse.unlimited(observer)
    handlers = Handlers(service, observer, pages, options, fair_use)
    middlewares = [
        *around,
        request_id.named,
        _failures_as_pages(pages, observer),
        _fair_use_of_archives(fair_use),
    ]
    app = web.Application(middlewares=middlewares)
    app.on_response_prepare.extend((_add_fields, request_id.tell))
    app.router.add_get("/", handlers.index)
    app.router.add_get("/archive/{hash}/", handlers.download)  # looked at first, as most are
    app.router.add_get("/archive/{hash}", handlers.redirect)
    app.router.add_get("/archive/{hash}/manifest.json", handlers.manifest)
    return app


async def _add_fields(request: web.Request, response: web.StreamResponse) -> None:
    # By the path, not by the route: a 405 has none, and is no advice against ranges.
    add_fields(response, accepts_ranges=is_of_archive(request))
    if "Upgrade" in request.headers:
        # aiohttp may leave what follows such a request unanswered.
        response.force_close()


def _fair_use_of_archives(fair_use: FairUse) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_of_archive(request):
            return await handler(request)
        fair_use.admit(request)
        try:
            return await handler(request)
        except (ArchiveNotFound, InvalidArchiveId):
            await fair_use.missed(request)
            raise

    return middleware


def _failures_as_pages(pages: Pages, observer: Observer) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConnectionError:  # the client has left before it was answered
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the visitor gets a page
            _tell(observer, request, error)
            return failure_response(request, pages, failure_of(error))

    return middleware


def _tell(observer: Observer, request: web.Request, error: Exception) -> None:
    archive = _archive_of(request)
    if isinstance(error, (NotFound, InvalidArchiveId, web.HTTPNotFound)):
        observer.archive_missing(archive)
    elif isinstance(error, AlbumInMotion):
        observer.archive_in_motion(archive)
    elif isinstance(error, LinkRefused):
        observer.link_refused(archive, reason=error.reason)
    elif isinstance(error, Refused):
        observer.request_refused(reason=error.reason)
    elif isinstance(error, StorageUnavailable):
        observer.answer_failed(archive, reason=error.reason)
    elif failure_of(error).status == HTTPStatus.INTERNAL_SERVER_ERROR:
        # The text of an unexpected error may hold a path, and a path holds the archive's id.
        reason = errno_name(error) if isinstance(error, OSError) else type(error).__name__
        observer.answer_failed(archive, reason=reason)


def _archive_of(request: web.Request) -> ArchiveId | None:
    try:
        return ArchiveId.parse(request.match_info.get("hash", ""))
    except InvalidArchiveId:
        return None
