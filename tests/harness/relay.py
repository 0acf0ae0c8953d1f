"""A relay in front of a server that counts how often its client has waited for an answer."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

_READ_BYTES = 1 << 20
_BETWEEN_BYTES_S = 0.1


class Relay:
    """Connects clients of its own port with a port of 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self.round_trips = 0
        """Times that an answer has begun since something was asked."""
        self._behind = port
        self._present: list[socket.socket] = []
        self._held: set[socket.socket] = set()
        self._trickling: set[socket.socket] = set()
        self._last_words: bytes | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def hold(self) -> None:
        """Pass nothing on any more of the connections that are there, as a dead network does."""
        self._held |= set(self._present)

    def trickle(self) -> None:
        """Pass answers byte by byte on the connections that are there, as an ill network does."""
        self._trickling |= set(self._present)

    def fall_silent_after(self, last_words: bytes | None) -> None:
        """Hold each connection from the answer on that has these bytes; with None, no more."""
        self._last_words = last_words

    @property
    def held(self) -> int:
        """How many connections are held."""
        return len(self._held)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._present.append(client)
                server = socket.create_connection(("127.0.0.1", self._behind))
                threading.Thread(target=self._relay, args=(client, server), daemon=True).start()

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        is_asked = False
        with client, server, selectors.DefaultSelector() as selector, suppress(OSError):
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    source, target = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    data = source.recv(_READ_BYTES)
                    if client in self._held and data:
                        continue
                    if not data:
                        return
                    if source is client:
                        is_asked = True
                    elif is_asked:
                        self.round_trips += 1
                        is_asked = False
                    self._pass_on(data, client, target)

    def _pass_on(self, data: bytes, client: socket.socket, target: socket.socket) -> None:
        is_answer = target is client
        at_once = 1 if is_answer and client in self._trickling else len(data)
        for start in range(0, len(data), at_once):
            target.sendall(data[start : start + at_once])
            if at_once < len(data):
                time.sleep(_BETWEEN_BYTES_S)
        if is_answer and self._last_words and self._last_words in data:
            self._held.add(client)


@contextmanager
def relayed(port: int) -> Iterator[Relay]:
    """Run a relay until the block ends."""
    with closing(Relay(port)) as relay:
        yield relay
