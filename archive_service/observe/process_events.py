"""What happens to the processes of the service, as values; see `events`."""

from __future__ import annotations

from dataclasses import dataclass

from archive_service.observe.events import Event


@dataclass(frozen=True, slots=True)
class SigningReported(Event):
    """The start says in `state` whether links are signed.

    To do: if they should be signed and are not, set `SIGNING_KEYS`.
    """

    state: str


@dataclass(frozen=True, slots=True)
class ServerStarted(Event):
    """Connections are accepted on `port`; `url` is what to open on this machine."""

    host: str
    port: int
    url: str


@dataclass(frozen=True, slots=True)
class ServerStopping(Event):
    """SIGTERM, SIGINT or SIGHUP (`signal`) came; downloads under way have `wait_s` seconds.

    To do: nothing; a second signal ends the service at once.
    """

    signal: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class ServerStopped(Event):
    """The service has ended."""


@dataclass(frozen=True, slots=True)
class TracingImpaired(Event):
    """Spans don't reach the collector, or a variable of OpenTelemetry is wrong.

    `reason` is the library's complaint, each logged once an hour; `count` is how often it came.

    To do: look at the collector, and at `OTEL_EXPORTER_OTLP_ENDPOINT` and
    `OTEL_EXPORTER_OTLP_HEADERS`.
    """

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class ObserverFailed(Event):
    """A bug in the service: the log, the metrics or the traces (`observer`) missed an event.

    Each is logged once.  Downloads continue.

    To do: please report it with the line.
    """

    observer: str
    missed: str
    error: str
    raised_at: str


@dataclass(frozen=True, slots=True)
class LogLinesLost(Event):
    """So many lines were not written, because what reads standard error did not read.

    Downloads continue meanwhile.

    To do: look at what reads the log: the logging driver of the container, journald, its disk.
    """

    count: int


@dataclass(frozen=True, slots=True)
class ConnectionNotTaken(Event):
    """Connections wait in the backlog; the first is logged at once, then the count once a minute.

    Only the `reserve` of descriptors for downloads under way is left, or the system has no
    descriptor (`EMFILE`, `ENFILE`) or no memory.

    To do: raise `LimitNOFILE` (`ulimit -n`); if clients only hold connections, limit them in the
    web server in front.
    """

    error: str


@dataclass(frozen=True, slots=True)
class WorkerReplaced(Event):
    """Another process has taken the place of one that ended."""

    worker: int


@dataclass(frozen=True, slots=True)
class WorkerFailed(Event):
    """A process ended by a bug in the service, at `raised_at`.

    To do: please report it with the line.
    """

    worker: int
    error: str
    raised_at: str


@dataclass(frozen=True, slots=True)
class WorkerDied(Event):
    """A process ended, with a `status` or by a `signal`, and is replaced in `next_in_s` seconds.

    With `error` it could not be started at all.

    To do: `signal=SIGKILL` most likely means too little memory; otherwise see the lines before.
    """

    worker: int
    status: int | None = None
    signal: str | int | None = None
    error: str | None = None
    next_in_s: float | None = None
