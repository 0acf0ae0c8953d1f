"""A network that ends with the process: a stop waits until clients have closed."""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio.trsock import TransportSocket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.http import Truncated, connected
from harness.in_process import app_over, on_a_free_port

from archive_service.observe.events import ignore
from archive_service.web.http_server.client_connection import (
    TIMES_OF_PASSING_NETWORK,
    USUAL_TIMES,
    ConnectionTimes,
)
from archive_service.web.http_server.graceful_shutdown import shut_down
from archive_service.web.http_server.half_closed import HalfClosed
from archive_service.web.http_server.runner import Runner

FILES = {"1.jpg": noise(200_000), "2.jpg": noise(1000)}
LARGE = {"1.jpg": noise(64 << 20)}
DOWNLOAD, LARGE_DOWNLOAD = f"/archive/{HASH}/", "/archive/large/"
PAGE = "/archive/none/"
WITHIN_S = 120.0
FOR_EVER_S = 1e6
FOR_EVER_BYTES = 1 << 62
A_WHILE_S = 0.2
KEPT, CLOSED = "Connection: keep-alive", "Connection: close"


class Server:
    """A server in a thread, whose loop has no task but the server's: a stop cancels all."""

    def __init__(self, photos_dir: Path, times: ConnectionTimes, stop_timeout_s: float) -> None:
        self.connections = 0
        self._photos_dir, self._times, self._stop_timeout_s = photos_dir, times, stop_timeout_s
        self._started: Future[tuple[Runner, int]] = Future()
        self._signals: asyncio.Queue[None] = asyncio.Queue()
        self._thread = Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        self.runner, self.port = self._started.result(WITHIN_S)

    def _count(self, by: int) -> None:
        self.connections += by

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        app = app_over(self._photos_dir, ignore)
        runner = Runner(app, shutdown_timeout_s=FOR_EVER_S, times=self._times, count=self._count)
        await runner.setup()
        await on_a_free_port(runner).start()
        self._started.set_result((runner, runner.addresses[0][1]))
        await self._signals.get()
        await shut_down(runner, self._signals.get, timeout_s=self._stop_timeout_s)

    def call(self, function: Callable[[], float]) -> float:
        """Call a function in the server's loop."""
        result: Future[float] = Future()
        self._loop.call_soon_threadsafe(lambda: result.set_result(function()))
        return result.result(WITHIN_S)

    def signal(self) -> None:
        self._loop.call_soon_threadsafe(self._signals.put_nowait, None)

    def is_stopped(self, *, within_s: float = WITHIN_S) -> bool:
        self._thread.join(within_s)
        return not self._thread.is_alive()


@contextmanager
def serving(
    photos_dir: Path,
    times: ConnectionTimes = TIMES_OF_PASSING_NETWORK,
    *,
    stop_timeout_s: float = FOR_EVER_S,
) -> Iterator[Server]:
    make_album(photos_dir, FILES)
    make_album(photos_dir, LARGE, "large")
    server = Server(photos_dir, times, stop_timeout_s)
    try:
        yield server
    finally:
        for _ in range(2):
            with suppress(RuntimeError):  # its loop has ended
                server.signal()
        assert server.is_stopped()


@pytest.mark.parametrize("field_line", [KEPT, CLOSED])
def test_a_stop_waits_until_the_client_of_a_download_has_closed(
    tmp_path: Path, field_line: str
) -> None:
    with serving(tmp_path) as server:
        with connected(server.port) as connection:
            connection.exchange("GET", DOWNLOAD, field_line)
            server.signal()
            assert connection.is_closed()
            assert not server.is_stopped(within_s=A_WHILE_S)
            assert server.connections == 1
        assert server.is_stopped()
        assert server.connections == 0


@pytest.mark.parametrize("field_line", [KEPT, CLOSED])
def test_a_download_under_way_is_waited_for_in_the_same_way(
    tmp_path: Path, field_line: str
) -> None:
    with serving(tmp_path) as server:
        with connected(server.port, small_window=True) as connection:
            connection.send("GET", LARGE_DOWNLOAD, field_line)
            _, field_lines = connection.receive_head()
            server.signal()
            connection.open_window()
            connection.receive_content(int(dict(field_lines)["content-length"]))
            assert connection.is_closed()
            assert not server.is_stopped(within_s=A_WHILE_S)
        assert server.is_stopped()


@pytest.mark.parametrize(
    ("method", "last", "times"),
    [
        ("GET", PAGE, TIMES_OF_PASSING_NETWORK),
        ("HEAD", DOWNLOAD, TIMES_OF_PASSING_NETWORK),
        ("GET", DOWNLOAD, USUAL_TIMES),
    ],
)
def test_a_stop_does_not_wait_where_nothing_can_be_lost(
    tmp_path: Path, method: str, last: str, times: ConnectionTimes
) -> None:
    with serving(tmp_path, times) as server, connected(server.port) as connection:
        connection.exchange("GET", DOWNLOAD)
        connection.exchange(method, last)
        server.signal()
        assert server.is_stopped()


def test_a_download_that_is_cut_is_not_waited_for(tmp_path: Path) -> None:
    with serving(tmp_path) as server, connected(server.port, small_window=True) as connection:
        connection.exchange("GET", DOWNLOAD)
        connection.send("GET", LARGE_DOWNLOAD)
        connection.receive_head()
        os.truncate(tmp_path / "large" / "1.jpg", 1000)
        connection.open_window()
        with pytest.raises(Truncated):
            connection.receive_content(FOR_EVER_BYTES)
        eventually(lambda: not server.connections)


def test_the_time_for_a_stop_ends_the_wait(tmp_path: Path) -> None:
    with (
        serving(tmp_path, stop_timeout_s=A_WHILE_S) as server,
        connected(server.port) as connection,
    ):
        connection.exchange("GET", DOWNLOAD)
        server.signal()
        assert server.is_stopped()


def test_a_second_signal_ends_the_wait(tmp_path: Path) -> None:
    with serving(tmp_path) as server, connected(server.port) as connection:
        connection.exchange("GET", DOWNLOAD)
        server.signal()
        assert connection.is_closed()
        server.signal()
        assert server.is_stopped()


def test_a_client_that_does_not_close_is_left_after_a_time(tmp_path: Path) -> None:
    with (
        serving(tmp_path, ConnectionTimes(close_s=A_WHILE_S)) as server,
        connected(server.port) as connection,
    ):
        connection.exchange("GET", DOWNLOAD, CLOSED)
        eventually(lambda: not server.connections)


def test_a_client_that_goes_on_sending_is_left(tmp_path: Path) -> None:
    with serving(tmp_path) as server, connected(server.port) as connection:
        connection.exchange("GET", DOWNLOAD, CLOSED)
        with pytest.raises(ConnectionError):
            connection.socket.sendall(bytes(256 << 20))
        eventually(lambda: not server.connections)


def test_those_that_wait_give_way_to_new_connections(tmp_path: Path) -> None:
    with serving(tmp_path) as server, connected(server.port) as connection:
        connection.exchange("GET", DOWNLOAD, CLOSED)
        assert connection.is_closed()
        assert server.connections == 1
        assert server.call(server.runner.close_longest_silent) == 0.0
        assert server.connections == 0


def test_a_connection_that_gets_no_handle_of_its_own_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = TransportSocket(listener)
    ended: list[None] = []
    HalfClosed(FOR_EVER_S).take_over(connection, lambda: ended.append(None))
    assert ended == [None]
