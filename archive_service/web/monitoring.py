"""Answers monitoring programs: liveness, readiness and metrics.

None of this is for visitors.  It is answered on the port of the service, where the web server in
front forwards `/archive/` alone, or on a port of its own.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp import web

from archive_service.archive.errors import StorageUnavailable
from archive_service.transfer.service import ArchiveService

PATHS = _ALIVE, _READY, _METRICS = "/healthz", "/readyz", "/metrics"
_PATIENCE_S = 5.0
"""A storage that does not answer in this time is not ready."""


class Metrics(Protocol):
    """Writes metrics in the text format of Prometheus."""

    def __call__(self, *, is_ready: bool) -> bytes:
        """Return the text."""


class Monitoring:
    """The routes `/healthz`, `/readyz` and `/metrics`."""

    def __init__(self, service: ArchiveService, metrics: Metrics, metrics_type: str) -> None:
        self._service = service
        self._metrics = metrics
        self._metrics_type = metrics_type
        self._is_draining = False
        self._check: asyncio.Future[bool] | None = None

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.router.add_get(_ALIVE, self.alive)
        app.router.add_get(_READY, self.ready)
        app.router.add_get(_METRICS, self.metrics)

    async def drain(self, _app: web.Application) -> None:
        """Report "not ready" from now on: downloads under way end, and no new ones should come."""
        self._is_draining = True

    async def alive(self, _request: web.Request) -> web.StreamResponse:
        """Answer 200 as long as the event loop runs."""
        return web.Response(text="alive\n")

    async def ready(self, _request: web.Request) -> web.StreamResponse:
        """Answer 200 if requests should be sent here, otherwise 503 with the reason."""
        trouble = await self._trouble()
        return web.Response(status=503 if trouble else 200, text=f"{trouble or 'ready'}\n")

    async def metrics(self, _request: web.Request) -> web.StreamResponse:
        """Answer a scrape of Prometheus."""
        is_ready = await self._trouble() is None
        text = await asyncio.to_thread(self._metrics, is_ready=is_ready)
        return web.Response(body=text, headers={"Content-Type": self._metrics_type})

    async def _trouble(self) -> str | None:
        """Return why requests should not be sent here; None if they should."""
        if self._is_draining:
            return "draining"
        # One check at a time: each check that a storage does not answer holds a thread.
        check = self._check
        if check is None or check.done():
            check = self._check = asyncio.ensure_future(self._can_be_read())
        await asyncio.wait({check}, timeout=_PATIENCE_S)  # another request may begin the next one
        if self._is_draining:  # since it was asked
            return "draining"
        is_readable = check.done() and check.result()
        return None if is_readable else "albums can't be read"

    async def _can_be_read(self) -> bool:
        try:
            await self._service.check()
        except StorageUnavailable:
            return False
        return True
