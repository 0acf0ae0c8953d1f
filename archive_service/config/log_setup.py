"""Logging: one line an event, `key=value` or JSON, on standard error.

Lines of libraries go the same way, without what could hold a path and so an archive's id: they keep
the first line of their message, the kind of an exception and where it was raised.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone

from archive_service.config.log_target import LogTarget
from archive_service.observe.faults import raised_at
from archive_service.observe.log import fields_of
from archive_service.observe.log_context import context_fields


def configure_logging(level: str, form: str = "text") -> None:
    """Log events of a level and above: "debug", "info", "warning" or "error".

    The form is "text" or "json".  The fields of the current request are in every line.
    """
    handler = LogTarget()
    handler.setFormatter(_Formatter(_RENDERERS[form]))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    _quieten_libraries()


def _quieten_libraries() -> None:
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # Their lines hold keys and signatures; the caller logs what fails in them.
    for library in ("botocore", "aiobotocore"):
        logging.getLogger(library).setLevel(logging.CRITICAL)


_UNQUOTED = re.compile(r'[^ ="\n\r]*')
_Renderer = Callable[[Mapping[str, object]], str]


class _Formatter(logging.Formatter):
    def __init__(self, render: _Renderer) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, timezone.utc)
        return self._render(
            {
                "timestamp": time.isoformat(timespec="microseconds").replace("+00:00", "Z"),
                "level": record.levelname.lower(),
                "event": record.getMessage().partition("\n")[0],
                **fields_of(record),
                **context_fields(),
                **dict(_exception_fields(record)),
            }
        )


def _exception_fields(record: logging.LogRecord) -> Iterator[tuple[str, str]]:
    kind, _, traceback = record.exc_info or (None, None, None)
    if kind is not None:
        yield "error", kind.__name__
        if where := raised_at(traceback):
            yield "raised_at", where


def _logfmt(fields: Mapping[str, object]) -> str:
    return " ".join(f"{key}={_quoted(str(value))}" for key, value in fields.items())


def _quoted(value: str) -> str:
    """Return a value as logfmt has it: quoted where it would look like several, on one line."""
    if _UNQUOTED.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r") + '"'


def _json(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False)


_RENDERERS: Mapping[str, _Renderer] = {"text": _logfmt, "json": _json}
