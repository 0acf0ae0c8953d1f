"""The signals that end the service: heard as bytes on a socket, and held back around a fork."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end the service."""


@contextmanager
def heard_signals() -> Iterator[socket.socket]:
    """Yield a socket that receives the number of each stopping signal as a byte.

    Afterwards the process ignores them: it ends, and a signal must not change its exit status.
    `loop.remove_signal_handler` and the end of the interpreter would let one kill the process.
    """
    heard, written = socket.socketpair()
    heeded = _heeded_signals()
    with heard, written:
        for end in (heard, written):
            end.setblocking(False)  # noqa: FBT003 - so is its signature
        signal.set_wakeup_fd(written.fileno())
        for number in heeded:
            signal.signal(number, _ignore)
        try:
            yield heard
        finally:
            for number in heeded:
                signal.signal(number, signal.SIG_IGN)
            signal.set_wakeup_fd(-1)


async def next_signal(heard: socket.socket) -> signal.Signals:
    """Wait for the next signal on the socket of `heard_signals`."""
    return signal.Signals((await asyncio.get_running_loop().sock_recv(heard, 1))[0])


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Block signals until it is certain which process gets them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def ignore_signals() -> None:
    """Ignore them in a process that was forked with them held back."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def _heeded_signals() -> Sequence[signal.Signals]:
    """Return the signals that stop this process: not SIGHUP under `nohup`."""
    is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return tuple(each for each in STOPPING if each is not signal.SIGHUP or not is_nohup)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing.  Unlike SIG_IGN, this leaves the signal to the wake-up descriptor."""
