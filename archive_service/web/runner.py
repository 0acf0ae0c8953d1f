"""The application on its connections, requests that can't be read included.

aiohttp answers those before an application hears of them: in plain text, with a copy of the
request, in which the archive's id stands, and with its own version and that of Python.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import cast

from aiohttp import web

from archive_service.web.failures import UNREADABLE, failure_response
from archive_service.web.fields import add_fields
from archive_service.web.pages import Pages

IDLE_TIMEOUT_S = 75.0
"""How long a connection may send no request, or half of one.  Longer than the 60 s for which nginx
keeps its connections to a server: the one behind must not be the first to close."""


class Runner(web.AppRunner):
    """Runs an application; a site makes connections of what `server` returns.

    `count` is told of each connection, 1 when it is made and -1 when it is lost.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        shutdown_timeout_s: float,
        idle_timeout_s: float,
        count: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(app, handler_cancellation=True, shutdown_timeout=shutdown_timeout_s)
        self._idle_timeout_s = idle_timeout_s
        self._count = count
        self._pages = Pages()

    @property
    def server(self) -> web.Server | None:
        """The factory of connections, once the runner is set up."""
        server = super().server
        if server is None:
            return None
        connection = partial(_Connection, server, self._pages, self._idle_timeout_s, self._count)
        return cast("web.Server", connection)


class _Connection(web.RequestHandler):
    __slots__ = ("_count", "_pages")

    def __init__(
        self,
        server: web.Server,
        pages: Pages,
        idle_timeout_s: float,
        count: Callable[[int], None] | None,
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=idle_timeout_s,
            access_log=None,  # type: ignore[arg-type] # may be None; it would be full of ids
        )
        self._pages = pages
        self._count = count

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        super().connection_made(transport)
        if self._count:
            self._count(1)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it no more."""
        super().connection_lost(exc)
        if self._count:
            self._count(-1)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what no handler has answered."""
        if isinstance(exc, ConnectionError):  # nobody is there to be answered
            self.force_close()
            return web.Response(status=status)
        if status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        self.logger.debug("Request refused: %s", type(exc).__name__)
        response = failure_response(request, self._pages, UNREADABLE)
        add_fields(response, accepts_ranges=False)
        response.force_close()
        return response
