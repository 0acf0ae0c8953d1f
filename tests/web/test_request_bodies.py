"""Requests that carry a body: it is read to no end for a moment, and nobody waits for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.http import Connection, connected

TARGET = f"/archive/{HASH}/"
LONG_S = 120.0
"""A generous limit; a body that is drained takes a second, one that is read goes on for ever."""
FRAMINGS = {
    "of a length": "Content-Length: 9000000000000000000",
    "chunked": "Transfer-Encoding: chunked",
}


@contextmanager
def sending(connection: Connection, framing: str) -> Iterator[threading.Event]:
    """Send a request whose body never ends, as fast as it is taken; tell when it is not."""
    block = noise(65536)
    if framing == "chunked":
        block = b"10000\r\n" + block + b"\r\n"
    is_over = threading.Event()

    def send() -> None:
        with suppress(OSError):
            while True:
                connection.socket.sendall(block)
        is_over.set()

    connection.socket.settimeout(LONG_S)
    connection.send("GET", TARGET, FRAMINGS[framing])
    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield is_over
    finally:
        with suppress(OSError):
            connection.socket.shutdown(socket.SHUT_RDWR)
        sender.join(LONG_S)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_body_without_end_is_not_read_for_long(
    framing: str, serve: Serve, photos_dir: Path
) -> None:
    make_album(photos_dir, {"1.jpg": noise(1000)})
    server = serve("--level", "debug")
    with connected(server.port) as connection, sending(connection, framing) as is_over:
        assert connection.receive().status == 200
        assert is_over.wait(LONG_S)
    assert not [line for line in server.lines if "level=error" in line]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_the_end_of_the_service_does_not_wait_for_a_body(
    framing: str, serve: Serve, photos_dir: Path
) -> None:
    make_album(photos_dir, {"1.jpg": noise(1000)})
    server = serve("--level", "debug", "--shutdown-timeout", "600")
    with connected(server.port) as connection, sending(connection, framing):
        assert connection.receive().status == 200
        assert server.stop() == 0
    assert not [line for line in server.lines if "level=error" in line]
