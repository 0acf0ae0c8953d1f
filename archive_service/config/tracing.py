"""Tracing as the settings say; without it, nothing of OpenTelemetry is imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from aiohttp.typedefs import Middleware

from archive_service.config.setting_docs import wrong_value
from archive_service.config.settings import Settings
from archive_service.observe.events import Observe

if TYPE_CHECKING:
    from archive_service.observe.span_export import Spans


class Tracing(NamedTuple):
    """What tracing adds to the service, and how it ends."""

    observers: Sequence[Observe] = ()
    around: Sequence[Middleware] = ()
    close: Callable[[], None] = lambda: None


def require_good_tracing(settings: Settings) -> None:
    """Raise SettingsError where tracing is wanted and OpenTelemetry can't do it."""
    if not settings.tracing:
        return
    try:
        importlib.import_module("archive_service.observe.span_export").require_good_variables()
        importlib.import_module("archive_service.web.request_spans")
    except (ImportError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise wrong_value(Settings, "tracing", "on", reason=reason) from None


def tracing(settings: Settings, log: Observe) -> Tracing:
    """Begin to trace, if TRACING is on.  Call it after the fork: it starts a thread.

    Complaints of OpenTelemetry go to `log`.
    """
    if not settings.tracing:
        return Tracing()
    spans: Spans = importlib.import_module("archive_service.observe.span_export").Spans(log)
    observer = importlib.import_module("archive_service.observe.traces").add_to_span
    traced = importlib.import_module("archive_service.web.request_spans").traced
    return Tracing((observer,), (traced(spans.tracer()),), spans.close)
