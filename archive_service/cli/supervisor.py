"""Keeps several worker processes that serve on one port.

The supervisor has no event loop and no thread: it forks the workers and waits.  A line, which is a
pair of connected sockets, leads to each worker:

- The supervisor passes the stopping signals down, a byte each.  Workers ignore the signals
  themselves: Ctrl-C, a closed terminal and systemd send them to every process, and a second signal
  means "stop at once".
- The worker sends one byte up once it accepts connections.
- End of file means that the other side has ended, for any reason.  So only one process may hold
  each end: a worker closes the lines of other workers that it has inherited.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple, NoReturn

from archive_service.archive.backoff import backoff_s
from archive_service.archive.errors import errno_name
from archive_service.cli.console import FAILURE
from archive_service.cli.stop_signals import heard_signals, ignore_signals, signals_held_back
from archive_service.observe.events import Observe
from archive_service.observe.exception_place import raised_at
from archive_service.observe.process_events import WorkerDied, WorkerFailed, WorkerReplaced

_UP = b"\0"
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 10.0
"""Between the end of a worker and the start of its replacement."""
_SHORT_LIFE_S = 10.0
"""After a shorter life of a worker the pause doubles."""
_MOST_AT_ONCE = 64
"""Bytes read from a line or the signal pipe at once; the rest makes it readable again."""


class Worker:
    """A worker's own view: its number, from 0, and its end of the line."""

    def __init__(self, number: int, line: socket.socket) -> None:
        self.number = number
        self._line = line
        self._orders: asyncio.Queue[signal.Signals] = asyncio.Queue()
        self._is_ordered = False

    def report_up(self) -> None:
        """Report to the supervisor that the worker accepts connections."""
        with suppress(OSError):  # the supervisor has ended; `orders` reports that
            self._line.send(_UP)

    def orders(self) -> asyncio.Queue[signal.Signals]:
        """Return the queue of the supervisor's signals; its end counts as a SIGTERM, if first."""
        asyncio.get_running_loop().add_reader(self._line, self._receive)
        return self._orders

    def _receive(self) -> None:
        received = _receive(self._line)
        if not received:
            asyncio.get_running_loop().remove_reader(self._line)
            received = b"" if self._is_ordered else bytes([signal.SIGTERM])
        for number in received:
            self._orders.put_nowait(signal.Signals(number))
        self._is_ordered = True


@dataclass(slots=True)
class _Place:
    """A worker's place: the worker in it, or the time to start the next one."""

    number: int
    line: socket.socket | None = None
    pid: int = 0
    started_s: float = 0.0
    is_up: bool = False
    due_s: float = 0.0
    short_lives: int = 0
    """Workers in a row with a short life."""


class Hooks(NamedTuple):
    """The functions that the supervisor calls."""

    on_up: Callable[[], None]
    """Called when all workers accept connections."""
    on_stop: Callable[[signal.Signals], None]
    """Called with the first signal."""
    on_end: Callable[[int], None]
    """Called with the number of a worker that has ended, before its replacement starts."""


class Supervisor:
    """Keeps `count` workers; each runs `work`, which returns after an order to stop.

    It forks, so the process must not have started a thread.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[Worker], None],
        hooks: Hooks,
        *,
        observe: Observe,
    ) -> None:
        self._places = [_Place(number) for number in range(count)]
        self._work = work
        self._observe = observe
        self._hooks = hooks
        self._some_were_up = False
        self._all_were_up = False
        self._is_stopping = False

    def run(self) -> bool:
        """Supervise until a signal; return False if no worker ever came up."""
        with heard_signals() as signals:
            self._fill_places()
            while self._lines() or (self._some_were_up and not self._is_stopping):
                ready, _, _ = select.select([signals, *self._lines()], [], [], self._pause_s())
                for place in self._places:
                    if place.line in ready:
                        self._hear(place, place.line)
                if signals in ready:
                    self._pass_on(_receive(signals))
                self._fill_places()
        return self._some_were_up or self._is_stopping

    def _lines(self) -> list[socket.socket]:
        return [place.line for place in self._places if place.line]

    def _pause_s(self) -> float | None:
        due_s = [place.due_s for place in self._places if not (place.line or self._is_stopping)]
        return max(0.0, min(due_s) - time.monotonic()) if due_s else None

    def _fill_places(self) -> None:
        for place in self._places:
            if not (place.line or self._is_stopping) and place.due_s <= time.monotonic():
                self._fill(place)

    def _fill(self, place: _Place) -> None:
        place.started_s, place.is_up = time.monotonic(), False
        try:
            place.pid, place.line = _fork(
                place.number, self._work, lines_of_others=self._lines(), observe=self._observe
            )
        except OSError as error:  # too many processes or too little memory: try later
            self._vacate(place, WorkerDied(place.number, error=errno_name(error)))

    def _hear(self, place: _Place, line: socket.socket) -> None:
        if not _receive(line):
            line.close()
            place.line = None
            _, status = os.waitpid(place.pid, 0)
            self._hooks.on_end(place.number)
            self._vacate(place, _ending(place.number, os.waitstatus_to_exitcode(status)))
            return
        place.is_up = self._some_were_up = True
        if self._all_were_up:
            self._observe(WorkerReplaced(place.number))
        elif all(each.is_up for each in self._places):
            self._all_were_up = True
            self._hooks.on_up()

    def _vacate(self, place: _Place, ending: WorkerDied) -> None:
        """Schedule a replacement, with a pause that grows while workers have short lives."""
        if self._is_stopping:
            if ending.status != 0:
                self._observe(ending)
            return
        now_s = time.monotonic()
        if now_s - place.started_s > _SHORT_LIFE_S:
            place.short_lives = 0
        place.short_lives += 1
        pause_s = backoff_s(
            place.short_lives, first_s=_SHORTEST_PAUSE_S, longest_s=_LONGEST_PAUSE_S
        )
        place.due_s = now_s + pause_s
        self._observe(replace(ending, next_in_s=pause_s))

    def _pass_on(self, numbers: bytes) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._hooks.on_stop(signal.Signals(numbers[0]))
        for line in self._lines():
            with suppress(OSError):  # it has ended already
                line.send(numbers)


def _fork(
    number: int,
    work: Callable[[Worker], None],
    *,
    lines_of_others: Iterable[socket.socket],
    observe: Observe,
) -> tuple[int, socket.socket]:
    """Start a worker; return its process id and the line to it.  Raise OSError."""
    line, its_end = socket.socketpair()
    with its_end, signals_held_back():
        try:
            pid = os.fork()
        except OSError:
            line.close()
            raise
        if not pid:
            inherited = [line, *lines_of_others]
            _be_worker(Worker(number, its_end), work, inherited=inherited, observe=observe)
    return pid, line


def _be_worker(
    worker: Worker,
    work: Callable[[Worker], None],
    *,
    inherited: Iterable[socket.socket],
    observe: Observe,
) -> NoReturn:
    status = FAILURE
    try:
        ignore_signals()
        for each in inherited:
            each.close()
        work(worker)
        status = 0
    except Exception as error:  # noqa: BLE001 - the process ends here
        where = raised_at(error.__traceback__)
        observe(WorkerFailed(worker.number, type(error).__name__, where))
    finally:
        os._exit(status)  # skip clean-up, which is the supervisor's


def _receive(end: socket.socket) -> bytes:
    """Return the bytes received; nothing if the other side has ended."""
    try:
        return end.recv(_MOST_AT_ONCE)
    except ConnectionError:  # it ended with unread bytes
        return b""


def _ending(worker: int, code: int) -> WorkerDied:
    """Return how a process has ended; a negative code is a signal."""
    if code >= 0:
        return WorkerDied(worker, status=code)
    name = next((each.name for each in signal.Signals if each == -code), -code)
    return WorkerDied(worker, signal=name)
