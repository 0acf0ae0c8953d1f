"""The command `server.py`: serves archives until a signal stops it."""

from __future__ import annotations

import asyncio
import signal
import socket
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from archive_service.archive.representation import ArchiveOptions
from archive_service.cli.arguments import OneLineParser, add_settings, given_settings, help_of
from archive_service.cli.console import complain, refusing_wrong_settings
from archive_service.cli.process_tuning import (
    allow_many_connections,
    give_way_to_event_loop,
    take_memory_from_one_place,
)
from archive_service.cli.sockets import (
    Listeners,
    NoSuchHost,
    NotListening,
    listening,
)
from archive_service.cli.stop_signals import heard_signals, next_signal
from archive_service.cli.supervisor import Hooks, Supervisor, Worker
from archive_service.config.build import Site, Sites, accepting, archive_options, limits
from archive_service.config.groups.signing_settings import signing_state
from archive_service.config.log_setup import configure_logging
from archive_service.config.metrics_directory import shared_metrics
from archive_service.config.setting_docs import docs_of, flag, variable, wrong_value
from archive_service.config.settings import Settings, load_settings
from archive_service.config.tracing import require_good_tracing
from archive_service.observe.events import Observe
from archive_service.observe.fan_out import to_each
from archive_service.observe.log import LogSink
from archive_service.observe.process_events import (
    ServerStarted,
    ServerStopped,
    ServerStopping,
    SigningReported,
)
from archive_service.web.http_server.runner import Runner
from archive_service.web.http_server.shared_listener import SharedListener
from archive_service.web.limits.connection_counts import ConnectionCount, shared_counts
from archive_service.web.limits.policy import SharedCounts

_FAILURE = 1
_EVERY_ADDRESS = ("0.0.0.0", "::")  # nosec B104 # noqa: S104 - compared, not bound


@refusing_wrong_settings
def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT, SIGTERM or SIGHUP; return the exit status."""
    take_memory_from_one_place()  # before the first thread
    settings = load_settings(given_settings(parser().parse_args(arguments), Settings))
    configure_logging(settings.level, settings.log_format)
    allow_many_connections()
    give_way_to_event_loop()
    require_good_tracing(settings)
    try:
        listeners = _listeners(settings)
    except NotListening as error:
        complain(str(error))
        return _FAILURE
    serve = _serve_alone if settings.workers == 1 else _serve_with_workers
    try:
        return serve(settings, archive_options(settings), listeners, log=LogSink())
    finally:
        listeners.close()


def parser() -> ArgumentParser:
    """Return the parser of the command's arguments."""
    made = OneLineParser(
        description="Serve the directories of PHOTOS_DIR as zip archives, packed on the fly.",
        epilog="Each setting is read from its flag, or from the environment variable in brackets, "
        "or from that variable in the file .env, or else is the default.  Secrets have no flag, "
        f"because other users can see the arguments of a process.  {_secrets()}  "
        "docs/settings.md says more about each setting.",
        allow_abbrev=False,
    )
    add_settings(made, Settings)
    return made


def _secrets() -> str:
    secrets = [(name, doc) for name, doc in docs_of(Settings).items() if doc.is_secret]
    return " ".join(f"{variable(name)}: {help_of(name, doc)}." for name, doc in secrets)


def _listeners(settings: Settings) -> Listeners:
    archives = _listening("host", settings.host, "port", settings.port)
    if not settings.monitor_port:
        return Listeners(archives, [])
    return Listeners(
        archives,
        _listening("monitor_host", settings.monitor_host, "monitor_port", settings.monitor_port),
    )


def _listening(host_name: str, host: str, port_name: str, port: int) -> list[socket.socket]:
    try:
        return listening(host, port, flags=f"{flag(host_name)} and {flag(port_name)}")
    except NoSuchHost as error:
        raise wrong_value(Settings, host_name, host, reason=str(error)) from None


def _serve_alone(
    settings: Settings, options: ArchiveOptions, listeners: Listeners, *, log: Observe
) -> int:
    async def serve(heard: socket.socket) -> None:
        next_one = partial(next_signal, heard)
        counts = SharedCounts(limits(settings)).of(0)
        archives, monitoring = (
            ConnectionCount(shared_counts(1), 0),
            ConnectionCount(shared_counts(1), 0),
        )
        sites = _sites(listeners, archives, monitoring, observe=observe)
        async with accepting(settings, options, sites, log=log, counts=counts) as (
            runner,
            housekeeping,
        ):
            _report_start(settings, port, observe=observe)
            async with housekeeping.going_on():
                observe(_stopping(settings, await next_one()))
            await _stop(runner, next_one, timeout_s=settings.shutdown_timeout)

    observe, port = to_each(log), _port(listeners.archives)
    with heard_signals() as heard:
        asyncio.run(serve(heard))
    observe(ServerStopped())
    return 0


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the workers share: sockets, and counts in memory; made before they are forked."""

    listeners: Listeners
    limits: SharedCounts
    connections: memoryview
    monitoring_connections: memoryview

    @classmethod
    def of(cls, settings: Settings, listeners: Listeners) -> _Shared:
        """Allocate the memory for a number of workers."""
        workers = settings.workers
        counts = SharedCounts(limits(settings), workers)
        return cls(listeners, counts, shared_counts(workers), shared_counts(workers))


def _serve_with_workers(
    settings: Settings, options: ArchiveOptions, listeners: Listeners, *, log: Observe
) -> int:
    async def serve(worker: Worker) -> None:
        keeping = asyncio.ensure_future(metrics.keep())
        await _be_worker(worker, settings, options, shared=shared, log=log)
        keeping.cancel()

    def work(worker: Worker) -> None:
        asyncio.run(serve(worker))
        metrics.leave()

    def forget(number: int) -> None:
        shared.limits.forget(number)
        metrics.prepare_for_next()

    def on_stop(received: signal.Signals) -> None:
        listeners.close()  # else the kernel would still queue connections
        observe(_stopping(settings, received))

    observe, port = to_each(log), _port(listeners.archives)
    shared = _Shared.of(settings, listeners)
    with shared_metrics() as metrics:
        hooks = Hooks(lambda: _report_start(settings, port, observe=observe), on_stop, forget)
        if not Supervisor(settings.workers, work, hooks, observe=observe).run():
            complain("no worker came up; the lines above say why")
            return _FAILURE
    observe(ServerStopped())
    return 0


async def _be_worker(
    worker: Worker,
    settings: Settings,
    options: ArchiveOptions,
    *,
    shared: _Shared,
    log: Observe,
) -> None:
    """Serve until the supervisor sends a signal or ends."""
    orders = worker.orders()
    archives = ConnectionCount(shared.connections, worker.number)
    monitoring = ConnectionCount(shared.monitoring_connections, worker.number)
    sites = _sites(shared.listeners, archives, monitoring, observe=to_each(log))
    counts = shared.limits.of(worker.number)
    async with accepting(settings, options, sites, log=log, counts=counts) as (
        runner,
        housekeeping,
    ):
        worker.report_up()
        # One worker is enough: all of them share the index.
        async with housekeeping.going_on() if worker.number == 0 else nullcontext():
            await orders.get()
        await _stop(runner, orders.get, timeout_s=settings.shutdown_timeout)


def _sites(
    listeners: Listeners,
    archives: ConnectionCount,
    monitoring: ConnectionCount,
    *,
    observe: Observe,
) -> Sites:
    def site(listener: socket.socket, connections: ConnectionCount) -> Site:
        return partial(SharedListener, listener=listener, connections=connections, observe=observe)

    return Sites(
        [site(each, archives) for each in listeners.archives],
        [site(each, monitoring) for each in listeners.monitoring],
        archives.change,
    )


def _port(listeners: Sequence[socket.socket]) -> int:
    return int(listeners[0].getsockname()[1])


def _report_start(settings: Settings, port: int, *, observe: Observe) -> None:
    observe(SigningReported(signing_state(settings.signing_keys)))
    observe(ServerStarted(settings.host, port, _url(settings.host, port)))


def _url(host: str, port: int) -> str:
    """Return the address for a browser on this machine."""
    name = "localhost" if host in _EVERY_ADDRESS else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def _stopping(settings: Settings, received: signal.Signals) -> ServerStopping:
    return ServerStopping(received.name, settings.shutdown_timeout)


async def _stop(
    runner: Runner, next_one: Callable[[], Awaitable[signal.Signals]], *, timeout_s: float
) -> None:
    """Wait for downloads to finish; abort them after the time-out or a second signal."""
    answering = asyncio.all_tasks() - {asyncio.current_task()}
    stopping = asyncio.ensure_future(runner.cleanup())
    impatient = asyncio.ensure_future(next_one())
    await asyncio.wait(
        {stopping, impatient}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
    )
    for task in (*answering, impatient):
        task.cancel()  # a cancelled download cuts its connection
    await asyncio.gather(*answering, impatient, return_exceptions=True)
    await stopping
