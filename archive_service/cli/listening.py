"""The sockets that the service listens on."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

BACKLOG = 1024
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def open_listeners(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of a host; without a name, on all those of the machine.

    An address that the machine does not have is left out where it has another: `localhost` often
    has one of IPv6 too, even where IPv6 is switched off.
    Not left to asyncio, which asks for addresses in a thread: what forks later must have none.
    Raise OSError or UnicodeError.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    absent = OSError(errno.EADDRNOTAVAIL, "no such address")
    with ExitStack() as on_failure:
        listeners = []
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                listener = socket.create_server(address, family=family, backlog=BACKLOG)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                absent = error
            else:
                listeners.append(on_failure.enter_context(listener))
        if not listeners:
            raise absent
        on_failure.pop_all()
    return listeners
