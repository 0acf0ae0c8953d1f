"""Logging: one line an event, `key=value` or JSON, on standard error.

Lines of libraries go the same way, without what could hold a path and so an archive's id: they keep
the first line of their message, the kind of an exception and where it was raised.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from archive_service.observe.faults import raised_at

_FIRST = ("timestamp", "level", "event")
_RENDERERS: Mapping[str, Processor] = {
    "text": structlog.processors.LogfmtRenderer(),
    "json": structlog.processors.JSONRenderer(ensure_ascii=False),
}


def configure_logging(level: str, form: str = "text") -> None:
    """Log events of a level and above: "debug", "info", "warning" or "error".

    The form is "text" or "json".  What the current request is bound to is in every line.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _first_line],
            processors=[
                _kind_of_exception,
                _in_order,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _RENDERERS[form],
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    _quieten_libraries()


def _quieten_libraries() -> None:
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # Their lines hold keys and signatures; the caller logs what fails in them.
    for library in ("botocore", "aiobotocore"):
        logging.getLogger(library).setLevel(logging.CRITICAL)


def _first_line(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _in_order(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return {**{key: event[key] for key in _FIRST if key in event}, **event}


def _kind_of_exception(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    # structlog's `exception` gives True, and leaves it to the processors to look.
    kind, _, traceback = sys.exc_info() if given is True else given or (None, None, None)
    if kind is not None:
        event["error"] = kind.__name__
        if where := raised_at(traceback):
            event["raised_at"] = where
    return event
