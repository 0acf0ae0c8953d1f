"""Ports that programs of the tests get before they listen."""

from __future__ import annotations

import socket
from contextlib import suppress
from random import SystemRandom

_NEVER_GIVEN = range(20_000, 32_000)
"""Ports that no system gives to who asks for any: it would give them away before they are used."""
_chance = SystemRandom()  # the same numbers in each process of tests were the same ports


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free at the moment."""
    while True:
        port = _chance.choice(_NEVER_GIVEN)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def is_listened_on(port: int) -> bool:
    """Return whether a program takes connections at a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
