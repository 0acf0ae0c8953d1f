"""What the operator's programs ask: is it alive, is it ready, how much has it done.

None of it is for visitors.  It is answered on the service's own port, of which a front web server
passes on `/archive/` alone, or on a port apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from archive_service.errors import StorageUnavailable
from archive_service.service import ArchiveService

_PATIENCE_S = 5.0
"""A storage that does not answer for so long is not ready."""


class Monitoring:
    """The routes `/healthz`, `/readyz` and `/metrics`."""

    def __init__(
        self, service: ArchiveService, metrics: Callable[[], bytes], metrics_type: str
    ) -> None:
        self._service = service
        self._metrics = metrics
        self._metrics_type = metrics_type
        self._is_draining = False

    def add_to(self, app: web.Application) -> None:
        """Answer as part of an application."""
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.metrics)

    async def drain(self, _app: web.Application) -> None:
        """Be ready no more: what is under way is finished, nothing new should come."""
        self._is_draining = True

    async def alive(self, _request: web.Request) -> web.StreamResponse:
        """Answer as long as the event loop turns."""
        return web.Response(text="alive\n")

    async def ready(self, _request: web.Request) -> web.StreamResponse:
        """Tell whether requests should be sent here: 200, or 503 and why not."""
        if self._is_draining:
            return web.Response(status=503, text="draining\n")
        try:
            await asyncio.wait_for(self._service.check(), _PATIENCE_S)
        except (StorageUnavailable, asyncio.TimeoutError):
            return web.Response(status=503, text="albums can't be read\n")
        return web.Response(text="ready\n")

    async def metrics(self, _request: web.Request) -> web.StreamResponse:
        """Answer Prometheus."""
        text = await asyncio.to_thread(self._metrics)
        return web.Response(body=text, headers={"Content-Type": self._metrics_type})
