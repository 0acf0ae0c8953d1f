"""The command `server.py`: settings read, parts put together, served until told to stop."""

from __future__ import annotations

import asyncio
import gc
import importlib
import resource
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from archive_service.cli.arguments import parse_arguments
from archive_service.cli.inforce import in_force_since_s
from archive_service.cli.listening import BACKLOG, Listeners, NotListening, listening
from archive_service.cli.metrics import forget_the_dead, shared_metrics
from archive_service.cli.workers import Supervisor, Worker
from archive_service.crcindex.sqlite import SqliteCrcIndex
from archive_service.errors import StorageUnavailable
from archive_service.exclusion import Exclusion
from archive_service.fairness.limits import Counts, Limits, SharedCounts
from archive_service.http.clients import TrustedProxies
from archive_service.logs import configure_logging
from archive_service.observe.logging import LoggingObserver
from archive_service.observe.several import SeveralObservers
from archive_service.representation import FORMAT_VERSION, ArchiveOptions
from archive_service.service import ArchiveService
from archive_service.settings import SHIPPED_PHOTOS, Settings, SettingsError, load_settings
from archive_service.signing import SigningPolicy
from archive_service.stillness import Patience
from archive_service.storage.local import LocalStorage
from archive_service.web.app import create_app
from archive_service.web.fairuse import FairUse
from archive_service.web.handlers import WebOptions
from archive_service.web.load import Load, shared_counts
from archive_service.web.monitoring import Monitoring
from archive_service.web.runner import Runner
from archive_service.web.sharedsite import SharedSite
from archive_service.zipformat.names import NameRules

if TYPE_CHECKING:
    from archive_service.observe.prometheus import PrometheusObserver

PRUNE_EVERY_S = 3600.0
_LONGER_THAN_ANY_S = 1e6
"""The time-out of aiohttp's own shutdown, which waits it out twice, and for ever where it is 0."""
_SHIPPED_ALBUMS = ("3bea29ccabbbf64bdebcc055319c5745", "af1ad8c76fda2e48ea9aed2937e972ea")
"""Named here, not listed: somebody may keep his own albums in the same directory."""
_USAGE_ERROR, _FAILURE = 2, 1
Site = Callable[[Runner], web.BaseSite]


class Sites(NamedTuple):
    """Where connections come from: for archives, and for monitoring where that is apart."""

    archives: Sequence[Site]
    monitoring: Sequence[Site]


_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("archive_service")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status."""
    try:
        settings = load_settings(parse_arguments(arguments))
    except SettingsError as error:
        _say(str(error))
        return _USAGE_ERROR
    configure_logging(settings.level, settings.log_format)
    _allow_many_connections()
    try:
        listeners = _listeners(settings)
    except NotListening as error:
        _say(str(error))
        return _FAILURE
    serve = _serve_alone if settings.workers == 1 else _serve_with_workers
    try:
        return serve(settings, archive_options(settings), listeners)
    finally:
        listeners.close()


def _listeners(settings: Settings) -> Listeners:
    archives = listening(settings.host, settings.port, flags="--host and --port")
    if not settings.monitor_port:
        return Listeners(archives, [])
    flags = "--monitor-host and --monitor-port"
    return Listeners(archives, listening(settings.monitor_host, settings.monitor_port, flags=flags))


def _say(message: str) -> None:
    print(f"server.py: {message}", file=sys.stderr)


def _allow_many_connections() -> None:
    """Raise the limit of open files, often 1024, to what the system lets one raise it to."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS has more in its hard limit than it grants
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _serve_alone(settings: Settings, options: ArchiveOptions, listeners: Listeners) -> int:
    async def serve() -> None:
        signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
        counts = SharedCounts(_limits(settings)).of(0)
        async with _accepting(settings, options, sites, counts=counts) as (runner, service):
            _tell_started(settings, port)
            with _pruning(service):
                _tell_stopping(settings, await signals.get())
            await _stop(runner, signals, timeout_s=settings.shutdown_timeout)

    def site(listener: socket.socket) -> Site:
        return partial(web.SockSite, sock=listener, backlog=BACKLOG)

    port = _port(listeners.archives)
    sites = Sites(*([site(each) for each in group] for group in listeners))
    asyncio.run(serve())
    _log.info("server.stopped")
    return 0


def _serve_with_workers(settings: Settings, options: ArchiveOptions, listeners: Listeners) -> int:
    async def serve(worker: Worker) -> None:
        orders = worker.orders()
        load = Load(connections, worker.number)
        apart = Load(connections_apart, worker.number)
        sites = Sites(
            [partial(SharedSite, listener=each, load=load) for each in listeners.archives],
            [partial(SharedSite, listener=each, load=apart) for each in listeners.monitoring],
        )
        async with _accepting(
            settings, options, sites, counts=counts.of(worker.number), count=load.change
        ) as (runner, service):
            worker.tell_up()
            # Once is enough: the index is the same file for all of them.
            with _pruning(service) if worker.number == 0 else nullcontext():
                await orders.get()
            await _stop(runner, orders, timeout_s=settings.shutdown_timeout)

    def forget(number: int) -> None:
        counts.forget(number)
        forget_the_dead(metrics)

    def on_stop(received: signal.Signals) -> None:
        listeners.close()  # or else they would go on listening, with nobody to answer
        _tell_stopping(settings, received)

    port = _port(listeners.archives)
    connections = shared_counts(settings.workers)
    connections_apart = shared_counts(settings.workers)
    counts = SharedCounts(_limits(settings), settings.workers)
    with shared_metrics() as metrics:
        supervisor = Supervisor(
            settings.workers,
            lambda worker: asyncio.run(serve(worker)),
            on_up=lambda: _tell_started(settings, port),
            on_stop=on_stop,
            on_end=forget,
        )
        if not supervisor.run():
            _say("no worker came up; the lines above tell why")
            return _FAILURE
    _log.info("server.stopped")
    return 0


@asynccontextmanager
async def _accepting(
    settings: Settings,
    options: ArchiveOptions,
    sites: Sites,
    *,
    counts: Counts,
    count: Callable[[int], None] | None = None,
) -> AsyncIterator[tuple[Runner, ArchiveService]]:
    """Put the parts together and accept connections; the block is to end with `_stop`."""
    # Not before the fork: the library decides where it counts when it is imported.
    prometheus = importlib.import_module("archive_service.observe.prometheus")
    index_path = _cache_path(settings, "crc", ".sqlite3")
    metrics: PrometheusObserver = prometheus.PrometheusObserver(partial(_size_bytes, index_path))
    observer = SeveralObservers((LoggingObserver(), metrics))
    index = SqliteCrcIndex(index_path, observer.index_impaired)
    storage = LocalStorage(
        settings.photos_dir,
        Exclusion(settings.exclude),
        symlinks=settings.symlinks,
        on_link_skipped=observer.link_skipped,
    )
    patience = Patience(settings.settle_time, settings.settle_wait)
    service = ArchiveService(storage, index, options, patience, observer.hashing_changed)
    monitoring = Monitoring(service, metrics.text, prometheus.CONTENT_TYPE)
    proxies = TrustedProxies.parse(settings.trusted_proxies)
    fair_use = FairUse(_limits(settings), proxies, observer, counts=counts)
    app = create_app(service, observer, _web_options(settings), fair_use)
    app.on_shutdown.append(monitoring.drain)
    monitor = web.Application() if sites.monitoring else app
    monitoring.add_to(monitor)
    runner, apart = _runner(app, count), _runner(monitor)
    try:
        await _start(runner, sites.archives)
        await _start(apart, sites.monitoring)
        _let_be_what_stays()
        yield runner, service
    finally:
        if sites.monitoring:  # to the last: it tells that nothing new should come
            await apart.cleanup()
        await asyncio.to_thread(service.close)


def _runner(app: web.Application, count: Callable[[int], None] | None = None) -> Runner:
    return Runner(app, shutdown_timeout_s=_LONGER_THAN_ANY_S, count=count)


async def _start(runner: Runner, sites: Sequence[Site]) -> None:
    if sites:
        await runner.setup()
    for site in sites:
        await site(runner).start()


def _let_be_what_stays() -> None:
    """Spare the collector modules and classes: a tenth of the time of little albums went there."""
    gc.collect()
    gc.freeze()


def _size_bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _port(listeners: Sequence[socket.socket]) -> int:
    return int(listeners[0].getsockname()[1])


def _tell_started(settings: Settings, port: int) -> None:
    _log.info("server.started", host=settings.host, port=port)


def _tell_stopping(settings: Settings, received: signal.Signals) -> None:
    _log.info("server.stopping", signal=received.name, wait_s=settings.shutdown_timeout)


def archive_options(settings: Settings) -> ArchiveOptions:
    """Take from the settings what shapes an archive."""
    names = NameRules(settings.portable_names, settings.name_encoding)
    shape = (
        FORMAT_VERSION,
        settings.exclude,
        names,
        settings.timezone,
        settings.change_token,
        settings.symlinks,
    )
    configuration = blake2b(repr(shape).encode(), digest_size=8).hexdigest()
    return ArchiveOptions(
        names,
        ZoneInfo(settings.timezone),
        settings.change_token,
        in_force_since_s(_cache_path(settings, "shape", ""), configuration, now_s=int(time.time())),
    )


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


@contextmanager
def _pruning(service: ArchiveService) -> Iterator[None]:
    """Have the index pruned, now and then, while the block runs."""
    pruning = asyncio.ensure_future(_prune_index(service))
    try:
        yield
    finally:
        pruning.cancel()


async def _prune_index(service: ArchiveService) -> None:
    while True:
        with suppress(StorageUnavailable):  # told to whoever asks for an album meanwhile
            await service.prune_index()
        await asyncio.sleep(PRUNE_EVERY_S)


def _cache_path(settings: Settings, name: str, suffix: str) -> Path:
    """Name a file of one root: what belongs to another can't be told from what is gone."""
    root = blake2b(bytes(settings.photos_dir.resolve()), digest_size=8).hexdigest()
    return settings.cache_dir / f"{name}-{root}{suffix}"


def _limits(settings: Settings) -> Limits:
    return Limits(
        downloads=settings.max_downloads,
        downloads_per_client=settings.max_downloads_per_client,
        bytes_per_s=settings.rate_limit,
        bytes_per_s_per_download=settings.rate_limit_per_download,
        misses_per_minute=settings.miss_limit,
        refused_s=settings.miss_block,
    )


def _web_options(settings: Settings) -> WebOptions:
    signing = _signing_policy(settings)
    is_shipped = settings.photos_dir.resolve() == SHIPPED_PHOTOS.resolve()
    return WebOptions(
        download_name=settings.download_name,
        stall_timeout_s=settings.stall_timeout,
        delay_s=settings.delay if settings.debug else None,
        # Where links have to be signed, those of the index page would lead to a refusal.
        example_albums=_SHIPPED_ALBUMS if is_shipped and signing is None else (),
        signing=signing,
    )


def _signing_policy(settings: Settings) -> SigningPolicy | None:
    keys = tuple(key.get_secret_value().encode() for key in settings.signing_keys)
    return SigningPolicy(keys, settings.signature_grace) if keys else None
