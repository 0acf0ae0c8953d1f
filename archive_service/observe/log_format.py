"""The form of the log's lines: `key=value` (logfmt) or JSON.

Lines of libraries have it, too, without what could hold a path and so an archive's id: they keep
the first line of their message, the kind of an exception and where it was raised.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone

from archive_service.observe.exception_place import raised_at
from archive_service.observe.log import fields_of
from archive_service.observe.log_context import context_fields

_UNQUOTED = re.compile(r'[^ ="\n\r]*')
_Renderer = Callable[[Mapping[str, object]], str]


class LineFormatter(logging.Formatter):
    """Renders one event as a line.

    The form is "text" (logfmt) or "json".  The fields of the current request are in every line.
    """

    def __init__(self, form: str) -> None:
        super().__init__()
        self._render = _RENDERERS[form]

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
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
