"""Writes the log to standard error, whose reader may have stopped."""

from __future__ import annotations

import logging
import select
import sys
from typing import TextIO

from archive_service.observe.log import LogSink
from archive_service.observe.process_events import LogLinesLost

_PATIENCE_MS = 50
"""How long the first line waits: a reader that is only busy has read some by then."""


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
