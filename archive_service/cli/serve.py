"""The command `server.py`: settings read, parts put together, served until told to stop."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from archive_service.cli.arguments import parse_arguments
from archive_service.cli.inforce import in_force_since_s
from archive_service.crcindex.sqlite import SqliteCrcIndex
from archive_service.errors import StorageUnavailable
from archive_service.exclusion import Exclusion
from archive_service.logs import configure_logging
from archive_service.observe.logging import LoggingObserver
from archive_service.representation import FORMAT_VERSION, ArchiveOptions
from archive_service.service import ArchiveService
from archive_service.settings import SHIPPED_PHOTOS, Settings, SettingsError, load_settings
from archive_service.storage.local import LocalStorage
from archive_service.web.app import create_app
from archive_service.web.handlers import WebOptions
from archive_service.web.runner import IDLE_TIMEOUT_S, Runner
from archive_service.zipformat.names import NameRules

PRUNE_EVERY_S = 3600.0
_BACKLOG = 1024
_LONGER_THAN_ANY_S = 1e6
"""The time-out of aiohttp's own shutdown, which waits it out twice, and for ever where it is 0."""
_SHIPPED_ALBUMS = ("3bea29ccabbbf64bdebcc055319c5745", "af1ad8c76fda2e48ea9aed2937e972ea")
"""Named here, not listed: somebody may keep his own albums in the same directory."""
_USAGE_ERROR, _FAILURE = 2, 1
_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("archive_service")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status."""
    try:
        settings = load_settings(parse_arguments(arguments))
    except SettingsError as error:
        print(f"server.py: {error}", file=sys.stderr)
        return _USAGE_ERROR
    configure_logging(settings.level)
    _allow_many_connections()
    return asyncio.run(serve(settings))


def _allow_many_connections() -> None:
    """Raise the limit of open files, often 1024, to what the system lets one raise it to."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS has more in its hard limit than it grants
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def serve(settings: Settings) -> int:
    """Run the service; return the exit status."""
    observer = LoggingObserver()
    index = SqliteCrcIndex(_cache_path(settings, "crc", ".sqlite3"), observer.index_impaired)
    storage = LocalStorage(settings.photos_dir, Exclusion(settings.exclude))
    service = ArchiveService(storage, index, archive_options(settings))
    runner = Runner(
        create_app(service, observer, _web_options(settings)),
        shutdown_timeout_s=_LONGER_THAN_ANY_S,
        idle_timeout_s=IDLE_TIMEOUT_S,
    )
    try:
        status = await _run(runner, service, settings)
    finally:
        await asyncio.to_thread(service.close)
    if status == 0:
        _log.info("server.stopped")
    return status


def archive_options(settings: Settings) -> ArchiveOptions:
    """Take from the settings what shapes an archive."""
    names = NameRules(settings.portable_names, settings.name_encoding)
    shape = (FORMAT_VERSION, settings.exclude, names, settings.timezone, settings.change_token)
    configuration = blake2b(repr(shape).encode(), digest_size=8).hexdigest()
    return ArchiveOptions(
        names,
        ZoneInfo(settings.timezone),
        settings.change_token,
        in_force_since_s(_cache_path(settings, "shape", ""), configuration, now_s=int(time.time())),
    )


async def _run(runner: Runner, service: ArchiveService, settings: Settings) -> int:
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port, backlog=_BACKLOG)
    try:
        await site.start()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a name of any host"
        print(
            f"server.py: can't listen on {settings.host}:{settings.port}: {reason}."
            " Choose another with --host and --port.",
            file=sys.stderr,
        )
        await runner.cleanup()
        return _FAILURE
    _log.info("server.started", host=settings.host, port=runner.addresses[0][1])
    pruning = asyncio.ensure_future(_prune_index(service))
    received = await signals.get()
    _log.info("server.stopping", signal=received.name, wait_s=settings.shutdown_timeout)
    pruning.cancel()
    await _stop(runner, signals, timeout_s=settings.shutdown_timeout)
    return 0


async def _stop(
    runner: Runner, signals: asyncio.Queue[signal.Signals], *, timeout_s: float
) -> None:
    """Let downloads finish for the time they have, then abort them; so does a second signal."""
    answering = asyncio.all_tasks() - {asyncio.current_task()}
    stopping = asyncio.ensure_future(runner.cleanup())
    impatient = asyncio.ensure_future(signals.get())
    await asyncio.wait(
        {stopping, impatient}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
    )
    for task in (*answering, impatient):
        task.cancel()  # a download then cuts its connection
    await asyncio.gather(*answering, impatient, return_exceptions=True)
    await stopping


async def _prune_index(service: ArchiveService) -> None:
    while True:
        with suppress(StorageUnavailable):  # told to whoever asks for an album meanwhile
            await service.prune_index()
        await asyncio.sleep(PRUNE_EVERY_S)


def _cache_path(settings: Settings, name: str, suffix: str) -> Path:
    """Name a file of one root: what belongs to another can't be told from what is gone."""
    root = blake2b(bytes(settings.photos_dir.resolve()), digest_size=8).hexdigest()
    return settings.cache_dir / f"{name}-{root}{suffix}"


def _web_options(settings: Settings) -> WebOptions:
    is_shipped = settings.photos_dir.resolve() == SHIPPED_PHOTOS.resolve()
    return WebOptions(
        download_name=settings.download_name,
        stall_timeout_s=settings.stall_timeout,
        delay_s=settings.delay if settings.debug else None,
        example_albums=_SHIPPED_ALBUMS if is_shipped else (),
    )
