"""Sends spans of OpenTelemetry in batches, by OTLP over HTTP, from a thread of the library.

It is configured by the library's own variables, `OTEL_EXPORTER_OTLP_ENDPOINT` and others.
A slow or dead collector delays no request: the queue is bounded, and spans that find no room in it
are dropped.
"""

from __future__ import annotations

import logging
import threading
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import (
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from archive_service.observe.events import Observe
from archive_service.observe.process_events import TracingImpaired
from archive_service.observe.recurrence import Recurrences

FLUSH_TIMEOUT_S = 2.0
"""How long the service waits at its end for a slow collector to take the last spans."""
REPORT_AGAIN_S = 3600.0
_NAME = "archive-service"
_LIBRARY = logging.getLogger("opentelemetry")


class Spans:
    """Exports the spans of this process; make it after a fork, since it starts a thread."""

    def __init__(self, observe: Observe) -> None:
        self._trouble = _Trouble(observe)
        _LIBRARY.addHandler(self._trouble)
        _LIBRARY.propagate = False  # its own lines may hold a key; see `_Trouble`
        logging.getLogger("urllib3").setLevel(logging.WARNING)  # or else a line for each batch
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

    def tracer(self) -> Tracer:
        """Return the tracer, which makes spans."""
        return self._provider.get_tracer(_NAME)

    def close(self) -> None:
        """Send what is left, for FLUSH_TIMEOUT_S at most."""
        # The library itself waits for its thread without a bound.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH_TIMEOUT_S)
        self._trouble.setLevel(logging.CRITICAL + 1)  # the spans that are left are dropped


def require_good_variables() -> None:
    """Raise ValueError if a variable of the library has an invalid value.

    Its warnings are dropped here; it repeats them when `Spans` is made.
    """
    _LIBRARY.addHandler(logging.NullHandler())
    _LIBRARY.propagate = False
    OTLPSpanExporter()


def _resource() -> Resource:
    own = {SERVICE_NAME: _NAME, SERVICE_INSTANCE_ID: str(uuid4())}
    return Resource.create({**own, **OTELResourceDetector().detect().attributes})


class _Trouble(logging.Handler):
    """Reports warnings of the library: each at once, and again once an hour.

    The library repeats them several times a batch.  Texts inserted into them are left out, because
    they may hold a key for the collector, in a malformed header field or in an address.
    """

    def __init__(self, observe: Observe) -> None:
        super().__init__(logging.WARNING)
        self._observe = observe
        self._recurrences = Recurrences()

    def emit(self, record: logging.LogRecord) -> None:
        """Report a warning, or count it."""
        if count := self._recurrences.due((record.name, record.lineno), every_s=REPORT_AGAIN_S):
            self._observe(TracingImpaired(_without_texts(record), count))


def _without_texts(record: logging.LogRecord) -> str:
    arguments = record.args if isinstance(record.args, tuple) else ()
    said = str(record.msg) % tuple(map(_kind_or_number, arguments)) if arguments else record.msg
    kind = record.exc_info[0] if record.exc_info else None
    return f"{said} {kind.__name__}" if kind else str(said)


def _kind_or_number(argument: object) -> object:
    if isinstance(argument, BaseException):
        return type(argument).__name__
    return argument if isinstance(argument, int | float) or argument is None else "…"
