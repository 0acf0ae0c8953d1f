"""Unkind clients in one process, until it is terminated; what is closed is begun anew.

    python unkind_clients.py KIND FROM HOST PORT COUNT PATH

They come from the address FROM, and leave the processor to others as if on another machine.

Each PATH may hold {}, which becomes the number of the connection.  The kinds:

    downloads   read each answer as fast as it comes, and ask again
    trickles    read a few bytes of an answer every seven seconds
    gone        ask, and leave a moment later
    silent      connect, and ask for nothing
    bodies      ask with an endless body
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

_SMALL_WINDOW = 4096
_READ = 1 << 20
_TRICKLE, _TRICKLE_EVERY_S = 64, 7.0
_BODY = bytes(1 << 16)
_BODY_BYTES = 10**15
_GONE_AFTER_S = 0.05
_REOPEN_AFTER_S = 0.1
_LOOK_EVERY_S = 0.02
_NICENESS = 10

Address = tuple[str, int]


class _Route(NamedTuple):
    source: Address
    target: Address


class _Client:
    """One connection after the other."""

    def __init__(self, route: _Route, request: bytes, *, small_window: bool = False) -> None:
        self._route = route
        self._request = request
        self._small_window = small_window
        self.opened_s = 0.0
        self.reopen_s = 0.0
        self.socket: socket.socket | None = None

    def open(self) -> socket.socket:
        """Connect and ask."""
        connection = self.socket = socket.socket()
        if self._small_window:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_WINDOW)
        connection.settimeout(5)
        self.opened_s = time.monotonic()
        with suppress(OSError):  # reading tells
            connection.bind(self._route.source)
            connection.connect(self._route.target)
            connection.sendall(self._request)
        connection.settimeout(0)
        return connection

    def close(self) -> None:
        """Close the connection; another may be opened in a moment."""
        if self.socket:
            self.socket.close()
        self.socket = None
        self.reopen_s = time.monotonic() + _REOPEN_AFTER_S

    def read(self, count: int) -> None:
        """Read what has come, at most `count` bytes."""
        if self.socket is None:
            return
        try:
            is_open = bool(self.socket.recv(count))
        except BlockingIOError:
            return
        except OSError:
            is_open = False
        if not is_open:
            self.close()

    def write(self) -> None:
        """Write a piece of a body."""
        try:
            if self.socket:
                self.socket.send(_BODY)
        except BlockingIOError:
            return
        except OSError:
            self.close()


def main() -> None:
    """Run the clients of the command line."""
    kind, source, host, port, count, path = sys.argv[1:]
    os.nice(_NICENESS)
    make, turn, events = _KINDS[kind]
    route = _Route((source, 0), (host, int(port)))
    clients = [make(route, path.format(number)) for number in range(int(count))]
    with selectors.DefaultSelector() as selector:
        while True:
            _open_closed(clients, selector, events)
            for key, _ in selector.select(_LOOK_EVERY_S):
                turn(key.data)
                if key.data.socket is None:
                    selector.unregister(key.fileobj)
            if not events:
                time.sleep(_LOOK_EVERY_S)
                for client in clients:
                    turn(client)


def _open_closed(clients: list[_Client], selector: selectors.BaseSelector, events: int) -> None:
    now_s = time.monotonic()
    for client in clients:
        if client.socket is None and client.reopen_s <= now_s:
            connection = client.open()
            if events:
                selector.register(connection, events, client)


def _asking(route: _Route, path: str) -> _Client:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    return _Client(route, head.encode())


def _asking_with_small_window(route: _Route, path: str) -> _Client:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"
    return _Client(route, head.encode(), small_window=True)


def _asking_with_body(route: _Route, path: str) -> _Client:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {_BODY_BYTES}\r\n\r\n"
    return _Client(route, head.encode())


def _silent(route: _Route, _path: str) -> _Client:
    return _Client(route, b"")


def _download(client: _Client) -> None:
    client.read(_READ)


def _trickle(client: _Client) -> None:
    if time.monotonic() - client.opened_s >= _TRICKLE_EVERY_S:
        client.opened_s = time.monotonic()
        client.read(_TRICKLE)


def _leave(client: _Client) -> None:
    if client.socket and time.monotonic() - client.opened_s >= _GONE_AFTER_S:
        client.close()


_Turn = Callable[[_Client], None]
_KINDS: dict[str, tuple[Callable[[_Route, str], _Client], _Turn, int]] = {
    "downloads": (_asking, _download, selectors.EVENT_READ),
    "trickles": (_asking_with_small_window, _trickle, 0),
    "gone": (_asking, _leave, 0),
    "silent": (_silent, _download, selectors.EVENT_READ),
    "bodies": (_asking_with_body, _Client.write, selectors.EVENT_WRITE),
}

if __name__ == "__main__":
    main()
