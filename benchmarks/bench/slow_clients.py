"""Many clients that each read slowly, in one process of their own.

    python slow_clients.py HOST PORT PATH COUNT BYTES_PER_S SECONDS

Says "connected" once every client has its first byte, reads for the seconds, then prints, as JSON,
how many bytes each one got meanwhile.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
import time
from contextlib import suppress

_RECEIVE_BUFFER = 16 * 1024
"""Bytes, which Linux doubles: no more than what is being read is under way to a client."""
_READS_PER_S = 2
_SLOT_S = 0.01
_CONNECTING_AT_ONCE = 100


def main() -> None:
    """Connect, read, tell."""
    host, port, path, *figures = sys.argv[1:]
    count, bytes_per_s, seconds = map(int, figures)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    clients = _connected((host, int(port)), request, count)
    print("connected", flush=True)
    print(json.dumps(_read(clients, bytes_per_s, seconds)), flush=True)


def _connected(address: tuple[str, int], request: bytes, count: int) -> list[socket.socket]:
    clients: list[socket.socket] = []
    for begin in range(0, count, _CONNECTING_AT_ONCE):
        some = [socket.socket() for _ in range(min(_CONNECTING_AT_ONCE, count - begin))]
        for client in some:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            client.connect(address)
            client.sendall(request)
        for client in some:
            if not client.recv(1):
                raise SystemExit("a connection ended before its first byte")
            client.settimeout(0)
        clients += some
    return clients


def _read(clients: list[socket.socket], bytes_per_s: int, seconds: int) -> list[int]:
    """Let each client read in its own slots, so that they are spread over time."""
    got = [0] * len(clients)
    slots = int(1 / _READS_PER_S / _SLOT_S)
    began_s = time.monotonic()
    slot = 0
    while (now_s := time.monotonic() - began_s) < seconds:
        for number in range(slot % slots, len(clients), slots):
            due = int(now_s * bytes_per_s) - got[number]
            with suppress(BlockingIOError):
                got[number] += len(clients[number].recv(due)) if due > 0 else 0
        slot += 1
        time.sleep(max(0.0, slot * _SLOT_S - (time.monotonic() - began_s)))
    return got


if __name__ == "__main__":
    main()
