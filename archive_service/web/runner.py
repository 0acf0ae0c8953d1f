"""The application on its connections, requests that can't be read included.

aiohttp answers those before an application hears of them: in plain text, with a copy of the
request, in which the archive's id stands, and with its own version and that of Python.
"""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from typing import cast

from aiohttp import web

from archive_service.web.failures import UNREADABLE, failure_response
from archive_service.web.fields import add_fields
from archive_service.web.pages import Pages


class Runner(web.AppRunner):
    """Runs an application; a site makes connections of what `server` returns."""

    @property
    def server(self) -> web.Server | None:
        """The factory of connections, once the runner is set up."""
        server = super().server
        return server and cast("web.Server", partial(_Connection, server, Pages()))


class _Connection(web.RequestHandler):
    __slots__ = ("_pages",)

    def __init__(self, server: web.Server, pages: Pages) -> None:
        loop = asyncio.get_running_loop()
        # A log of accesses would be full of ids.
        super().__init__(server, loop=loop, access_log=None)  # type: ignore[arg-type] # may be None
        self._pages = pages

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what no handler has answered."""
        if status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        self.logger.debug("Request refused: %s", type(exc).__name__)
        response = failure_response(request, self._pages, UNREADABLE)
        add_fields(response, accepts_ranges=False)
        response.force_close()
        return response
