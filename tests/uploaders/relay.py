"""What stands between a client and a server of uploads: it lets half of one pass, then waits."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness.conditions import eventually
from harness.ports import free_port, is_listened_on
from harness.server import environment
from uploaders.programs import WITHIN_S, Stopped, Upload

Command = Sequence[str | Path]
_READ_BYTES = 1 << 16
_SYSTEM = f"{os.environ['PATH']}:/usr/sbin:/sbin"


def installed(*programs: str) -> str:
    """Return the path of the last program, or skip the test where one is missing."""
    paths = [shutil.which(program, path=_SYSTEM) for program in programs]
    for program, path in zip(programs, paths, strict=True):
        if path is None:
            pytest.skip(f"{program} is not installed")
    return str(paths[-1])


def by_curl(*arguments: str | Path) -> Command:
    return ["curl", "-sSf", "--no-progress-meter", *arguments]


@contextmanager
def served(command: Command, port: int) -> Iterator[None]:
    """Run a server until the block ends; skip the test where it doesn't start."""
    server = subprocess.Popen(
        command,
        env=environment({"NODE_PATH": os.environ.get("NODE_PATH", "")}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually(lambda: is_listened_on(port) or server.poll() is not None, within_s=WITHIN_S)
        if server.poll() is not None:
            pytest.skip(f"{Path(command[0]).name} does not start here")
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait(WITHIN_S)


class HalfWayRelay:
    """Passes a number of bytes on to a port, and the rest when it is told to."""

    def __init__(self, port: int, first_bytes: int) -> None:
        self._behind = port
        self._left = first_bytes
        self._may_go_on = threading.Event()
        self.has_paused = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets = [self._listener]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def go_on(self) -> None:
        self._may_go_on.set()

    def close(self) -> None:
        self.go_on()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(WITHIN_S)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._behind))
                self._sockets += (client, server)
                for source, target in ((client, server), (server, client)):
                    there = threading.Thread(target=self._pass, args=(source, target))
                    self._threads.append(there)
                    there.start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        is_upload = target.getpeername()[1] == self._behind
        with suppress(OSError):
            while data := source.recv(_READ_BYTES):
                if is_upload:
                    self._left -= len(data)
                    if self._left < 0:
                        self.has_paused.set()
                        self._may_go_on.wait(WITHIN_S)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@dataclass(frozen=True)
class _ThroughRelay:
    """An upload that waits for the relay it goes through."""

    client: Stopped
    relay: HalfWayRelay
    when_done: Callable[[], None]

    def go_on(self) -> None:
        self.relay.go_on()
        self.client.go_on()
        self.when_done()

    def kill(self) -> None:
        self.client.kill()
        self.relay.close()


@contextmanager
def through_relay(
    server: Callable[[int], Command],
    client: Callable[[int], Command],
    source: Path,
    album: Path,
    when_done: Callable[[], None] = lambda: None,
) -> Iterator[Upload]:
    """Upload by a client that is given the relay's port, with a server on a port behind it."""
    before = set(album.iterdir())
    with unseen_through_relay(server, client, source, when_done) as upload:
        eventually(lambda: set(album.iterdir()) - before, within_s=WITHIN_S)
        yield upload


@contextmanager
def unseen_through_relay(
    server: Callable[[int], Command],
    client: Callable[[int], Command],
    source: Path,
    when_done: Callable[[], None] = lambda: None,
) -> Iterator[Upload]:
    """Upload in the same way to a server that shows nothing before it has all."""
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(served(server(port), port))
        relay = HalfWayRelay(port, source.stat().st_size // 2)
        stack.callback(relay.close)
        program = Stopped(client(relay.port))
        stack.callback(program.kill)
        assert relay.has_paused.wait(WITHIN_S)
        yield _ThroughRelay(program, relay, when_done)
