"""Runs the application on connections of our own class."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

from aiohttp import HttpVersion11, web

from archive_service.storage.newcomers import NO_NEWCOMERS, Newcomers
from archive_service.web.http_server.client_connection import (
    USUAL_TIMES,
    ClientConnection,
    ConnectionTimes,
)
from archive_service.web.http_server.half_closed import HalfClosed

GRACE_S = 0.05
"""How long a client may send no whole header, before its first request or after an answer, while
another connection waits and there is no room for it.  A request that was sent with its connection
has arrived by then."""
_CONTINUE = "100-continue"


class Runner(web.AppRunner):
    """Runs an application; `server` is the factory from which a site makes connections.

    `count` is called with 1 when a connection is made and with -1 when it is lost.
    Connections that wait to be accepted are noted for `newcomers`.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        shutdown_timeout_s: float,
        times: ConnectionTimes = USUAL_TIMES,
        count: Callable[[int], None] | None = None,
        newcomers: Newcomers = NO_NEWCOMERS,
    ) -> None:
        super().__init__(app, handler_cancellation=True, shutdown_timeout=shutdown_timeout_s)
        self._times = times
        self._count = count
        self.newcomers = newcomers
        self._awaited: dict[ClientConnection, float] = {}
        """Connections whose header is awaited, and since when; the longest wait first."""
        self.half_closed = HalfClosed(times.close_s)

    def close_longest_silent(self) -> float:
        """Close the connection that has waited longest for a whole header, but none in its grace.

        Those that this side has closed already go first.
        Return after how many seconds the next may be closed; 0 if one was closed.
        """
        if self.half_closed.close_first():
            return 0.0
        now_s = asyncio.get_running_loop().time()
        for connection, since_s in self._awaited.items():
            grace_s = since_s + GRACE_S - now_s
            if grace_s > 0:
                return grace_s
            if connection.close_silent():
                return 0.0
        return GRACE_S

    async def setup(self) -> None:
        """Set the application up."""
        await super().setup()
        server = super().server
        if server is not None:
            server.request_handler = partial(_expecting, server.request_handler)

    @property
    def server(self) -> web.Server | None:
        """The factory of connections, once the runner is set up."""
        server = super().server
        if server is None:
            return None
        connection = partial(
            ClientConnection,
            server,
            times=self._times,
            count=self._count,
            awaited=self._awaited,
            half_closed=self.half_closed,
        )
        return cast("web.Server", connection)


async def _expecting(
    handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], request: web.BaseRequest
) -> web.StreamResponse:
    """Answer a request; reject expectations but 100-continue (RFC 9110 section 10.1.1).

    aiohttp rejects them with a copy of the field, and fails if that is not ASCII.
    """
    expectation = request.headers.get("Expect", _CONTINUE)
    if expectation.lower() != _CONTINUE and request.version >= HttpVersion11:
        raise web.HTTPExpectationFailed
    return await handle(request)
