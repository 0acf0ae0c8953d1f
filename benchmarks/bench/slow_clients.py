"""Many clients that each read slowly, in one process of their own.

    python slow_clients.py HOST PORT PATH COUNT BYTES_PER_S SECONDS

Prints "connected" once every client has its first byte and reads for the given seconds.  Then it
prints, as JSON, the bytes that each client got in that time, None if the server has cut it off.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
import time
from collections.abc import Callable

_RECEIVE_BUFFER = 32 * 1024
"""Bytes, which Linux doubles: what is under way to a client is not much more than a second's."""
_READS_PER_S = 2
_SLOT_S = 0.01
_CONNECTING_EACH_SLOT = 10
_PATIENCE_S = 180.0


class Client:
    """A connection that sends one request, then reads at most its share each time."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.got = 0
        self.is_cut = False
        self._request = request
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._socket.settimeout(0)
        self._socket.connect_ex(address)

    def turn(self, share: int) -> None:
        """Do what can be done without waiting."""
        try:
            if self._request:
                self._request = self._request[self._socket.send(self._request) :]
                return
            received = len(self._socket.recv(share))
        except BlockingIOError:
            return
        except OSError:
            received = 0
        self.got += received
        self.is_cut = self.is_cut or not received


def main() -> None:
    """Run the clients of the command line and print their figures."""
    host, port, path, *figures = sys.argv[1:]
    count, bytes_per_s, seconds = map(int, figures)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    clients: list[Client] = []

    def connect_some() -> bool:
        missing = count - len(clients)
        for _ in range(min(missing, _CONNECTING_EACH_SLOT)):
            clients.append(Client((host, int(port)), request))
        return missing > 0 or not all(client.got for client in clients)

    share = bytes_per_s // _READS_PER_S
    give_up_s = time.monotonic() + _PATIENCE_S
    _take_turns(clients, share, lambda: connect_some() and time.monotonic() < give_up_s)
    print("connected", flush=True)
    before = [client.got for client in clients]
    until_s = time.monotonic() + seconds
    _take_turns(clients, share, lambda: time.monotonic() < until_s)
    got = [
        None if client.is_cut else client.got - earlier
        for client, earlier in zip(clients, before, strict=True)
    ]
    print(json.dumps(got), flush=True)


def _take_turns(clients: list[Client], share: int, is_to_go_on: Callable[[], bool]) -> None:
    """Give each client its turns, spread evenly over time."""
    slots = int(1 / _READS_PER_S / _SLOT_S)
    began_s = time.monotonic()
    slot = 0
    while is_to_go_on():
        for client in clients[slot % slots :: slots]:
            client.turn(share)
        slot += 1
        time.sleep(max(0.0, slot * _SLOT_S - (time.monotonic() - began_s)))


if __name__ == "__main__":
    main()
