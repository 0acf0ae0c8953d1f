"""The service in this process, over albums on a disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import timezone
from pathlib import Path

from aiohttp import web

from archive_service.archive.naming import NameRules
from archive_service.archive.representation import ArchiveOptions
from archive_service.checksums.crc_index.base import CrcIndex
from archive_service.checksums.crc_index.memory import MemoryCrcIndex
from archive_service.observe.events import Observe
from archive_service.storage.base import Storage
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.storage import LocalStorage
from archive_service.transfer.service import ArchiveService, WaitPolicy
from archive_service.web.app import create_app
from archive_service.web.http_server.client_connection import USUAL_TIMES, ConnectionTimes
from archive_service.web.http_server.runner import Runner
from archive_service.web.limits.fair_use import FairUse
from archive_service.web.options import WebOptions

_OPTIONS = ArchiveOptions(NameRules(), timezone.utc)
_WAITS = WaitPolicy()


class WholeChunks:
    """How much is sent at once to a quick client."""

    def buffer_bytes(self) -> int:
        return 1 << 20

    def span_bytes(self) -> int:
        return 1 << 20


def make_service(
    albums: Path | Storage, index: CrcIndex | None = None, waits: WaitPolicy = _WAITS
) -> ArchiveService:
    """Return a service over a storage, or a directory of albums; close it at the end."""
    storage = LocalStorage(albums, Exclusion(())) if isinstance(albums, Path) else albums
    return ArchiveService(storage, index or MemoryCrcIndex(), _OPTIONS, waits)


@contextmanager
def service_over(albums: Path | Storage, waits: WaitPolicy = _WAITS) -> Iterator[ArchiveService]:
    """Have such a service until the block ends."""
    with closing(make_service(albums, waits=waits)) as service:
        yield service


def app_over(
    albums: Path,
    observe: Observe,
    *,
    stall_timeout_s: float = 60.0,
    fair_use: FairUse | None = None,
) -> web.Application:
    """Return the application with a service of its own, which is closed with it."""
    service = make_service(albums)
    app = create_app(service, observe, WebOptions("archive.zip", stall_timeout_s), fair_use)

    async def close(_app: web.Application) -> None:
        await asyncio.to_thread(service.close)

    app.on_cleanup.append(close)
    return app


def on_a_free_port(runner: web.AppRunner) -> web.BaseSite:
    return web.TCPSite(runner, "127.0.0.1", 0)


@asynccontextmanager
async def listening(
    app: web.Application,
    make_site: Callable[[web.AppRunner], web.BaseSite] = on_a_free_port,
    *,
    times: ConnectionTimes = USUAL_TIMES,
    shutdown_timeout_s: float = 1.0,
) -> AsyncIterator[web.AppRunner]:
    """Accept connections until the block ends; the runner says where."""
    runner = Runner(app, shutdown_timeout_s=shutdown_timeout_s, times=times)
    await runner.setup()
    try:
        await make_site(runner).start()
        yield runner
    finally:
        await runner.cleanup()
