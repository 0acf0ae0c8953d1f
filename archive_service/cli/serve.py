"""The command `server.py`: serves archives until a signal stops it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from archive_service.archive.representation import ArchiveOptions
from archive_service.cli.arguments import OneLineParser, add_settings, given_settings
from archive_service.cli.console import FAILURE, complain, refusing_wrong_settings
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
from archive_service.config.setting_docs import flag, wrong_value
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
from archive_service.web.http_server.connection_counts import ConnectionCount, shared_counts
from archive_service.web.http_server.graceful_shutdown import shut_down
from archive_service.web.http_server.shared_listener import SharedListener
from archive_service.web.limits.policy import SharedCounts

_EVERY_ADDRESS = ("0.0.0.0", "::")  # nosec B104 # noqa: S104 - compared, not bound
_FIRST_PROCESS = 1
"""Of a container or pod: when it ends, so does the network."""


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
        return FAILURE
    serve = _serve_alone if settings.workers == 1 else _serve_with_workers
    try:
        return serve(_Service.of(settings, listeners))
    finally:
        listeners.close()


def parser() -> ArgumentParser:
    """Return the parser of the command's arguments."""
    made = OneLineParser(
        description="Serve the directories of PHOTOS_DIR as zip archives, packed on the fly.",
        epilog="Each setting is read from its flag, or from the environment variable in brackets, "
        "or from that variable in the file .env, or else is the default.  Secrets have no flag, "
        "because other users can see the arguments of a process.  "
        "docs/settings.md says more about each setting.",
    )
    add_settings(made, Settings)
    return made


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


@dataclass(frozen=True, slots=True)
class _Service:
    """What all processes of the service have, made before any fork; the counts are in memory."""

    settings: Settings
    options: ArchiveOptions
    listeners: Listeners
    log: Observe
    observe: Observe
    limits: SharedCounts
    connections: memoryview
    monitoring_connections: memoryview
    is_first_process: bool

    @classmethod
    def of(cls, settings: Settings, listeners: Listeners) -> _Service:
        """Put together what the settings ask for."""
        log, workers = LogSink(), settings.workers
        return cls(
            settings,
            archive_options(settings),
            listeners,
            log,
            to_each(log),
            SharedCounts(limits(settings), workers),
            shared_counts(workers),
            shared_counts(workers),
            os.getpid() == _FIRST_PROCESS,
        )

    async def serve(
        self,
        number: int,
        next_one: Callable[[], Awaitable[signal.Signals]],
        *,
        on_up: Callable[[], None],
        on_stop: Callable[[signal.Signals], None] = lambda _received: None,
    ) -> None:
        """Serve in the process of a number, from 0, until the first signal."""
        counts = self.limits.of(number)
        async with accepting(
            self.settings, self.options, self._sites(number), log=self.log, counts=counts
        ) as (runner, work):
            on_up()
            # One process is enough: all of them share the index.
            async with work.going_on() if number == 0 else nullcontext():
                on_stop(await next_one())
            await shut_down(runner, next_one, timeout_s=self.settings.shutdown_timeout)

    def _sites(self, number: int) -> Sites:
        def site(listener: socket.socket, connections: ConnectionCount) -> Site:
            return partial(
                SharedListener, listener=listener, connections=connections, observe=self.observe
            )

        archives = ConnectionCount(self.connections, number)
        monitoring = ConnectionCount(self.monitoring_connections, number)
        return Sites(
            [site(each, archives) for each in self.listeners.archives],
            [site(each, monitoring) for each in self.listeners.monitoring],
            archives.change,
            end_with_process=self.is_first_process,
        )

    def report_start(self) -> None:
        """Report that connections are accepted."""
        host, port = self.settings.host, int(self.listeners.archives[0].getsockname()[1])
        self.observe(SigningReported(signing_state(self.settings.signing_keys)))
        self.observe(ServerStarted(host, port, _url(host, port)))

    def report_stopping(self, received: signal.Signals) -> None:
        """Report the first signal."""
        self.observe(ServerStopping(received.name, self.settings.shutdown_timeout))


def _serve_alone(service: _Service) -> int:
    async def serve(heard: socket.socket) -> None:
        next_one = partial(next_signal, heard)
        await service.serve(
            0, next_one, on_up=service.report_start, on_stop=service.report_stopping
        )

    with heard_signals() as heard:
        asyncio.run(serve(heard))
    service.observe(ServerStopped())
    return 0


def _serve_with_workers(service: _Service) -> int:
    async def serve(worker: Worker) -> None:
        keeping = asyncio.ensure_future(metrics.keep())
        await service.serve(worker.number, worker.orders().get, on_up=worker.report_up)
        keeping.cancel()

    def work(worker: Worker) -> None:
        asyncio.run(serve(worker))
        metrics.leave()

    def forget(number: int) -> None:
        service.limits.forget(number)
        metrics.prepare_for_next()

    def on_stop(received: signal.Signals) -> None:
        service.listeners.close()  # else the kernel would still queue connections
        service.report_stopping(received)

    with shared_metrics() as metrics:
        hooks = Hooks(service.report_start, on_stop, forget)
        supervisor = Supervisor(service.settings.workers, work, hooks, observe=service.observe)
        if not supervisor.run():
            complain("no worker came up; the lines above say why")
            return FAILURE
    service.observe(ServerStopped())
    return 0


def _url(host: str, port: int) -> str:
    """Return the address for a browser on this machine."""
    name = "localhost" if host in _EVERY_ADDRESS else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"
