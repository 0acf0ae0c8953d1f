"""Logging: one line an event, `key=value` or JSON, on standard error.

Lines of libraries go the same way, without what could hold a path and so an archive's id: they keep
the first line of their message, the kind of an exception and where it was raised.
"""

from __future__ import annotations

import json
import logging
import re
import select
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import TextIO

from archive_service.observe.exception_place import raised_at
from archive_service.observe.log import LogSink, fields_of
from archive_service.observe.log_context import context_fields
from archive_service.observe.process_events import LogLinesLost

_PATIENCE_MS = 50
"""How long the first line waits: a reader that is only busy has read some by then."""
_UNQUOTED = re.compile(r'[^ ="\n\r]*')
_Renderer = Callable[[Mapping[str, object]], str]


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


class LogTarget(logging.StreamHandler):  # type: ignore[type-arg] # it takes one since Python 3.11
    """Writes lines to standard error, and never waits for its reader.

    Writing to a full pipe or socket blocks, and the reader may have stopped: a logging agent that
    hangs, a terminal with Ctrl-S, a full disk behind journald.  The event loop logs, too, so the
    whole service would stand still.  So a line waits a moment at most, and while the reader takes
    none, lines are counted instead.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._report = LogSink()
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; the lock of the handler is held."""
        if not _takes_lines(self.stream, 0 if self._lost else _PATIENCE_MS):
            self._lost += 1
            return
        lost, self._lost = self._lost, 0
        if lost:
            self._report(LogLinesLost(lost))
        super().emit(record)


def _takes_lines(stream: TextIO, patience_ms: int) -> bool:
    try:
        poll = select.poll()
        poll.register(stream, select.POLLOUT)
    except (AttributeError, OSError, ValueError):  # no descriptor that can be asked
        return True
    return bool(poll.poll(patience_ms))
