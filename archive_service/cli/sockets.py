"""The sockets that the service listens on."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

BACKLOG = 1024
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class NotListening(Exception):
    """The service can't listen now; the text is one line for the operator."""


class NoSuchHost(ValueError):
    """No address of this machine is called that; the text says why."""


class Listeners(NamedTuple):
    """The sockets for archives, and those for monitoring where it is apart."""

    archives: Sequence[socket.socket]
    monitoring: Sequence[socket.socket]

    def close(self) -> None:
        """Listen no more."""
        for listener in (*self.archives, *self.monitoring):
            listener.close()


def listening(host: str, port: int, *, flags: str) -> list[socket.socket]:
    """Listen like `open_listeners`; raise NotListening, which names the flags that choose.

    Raise NoSuchHost where no port would help.
    """
    try:
        return open_listeners(host, port)
    except (UnicodeError, socket.gaierror):
        raise NoSuchHost("not a name of any host") from None
    except OSError as error:
        if error.errno in _ABSENT:
            raise NoSuchHost("not an address of this machine") from None
        # Not strerror: asyncio's and Python's own sockets add to it.
        reason = os.strerror(error.errno or errno.EIO)
        raise NotListening(
            f"can't listen on {host}:{port}: {reason}. Choose another with {flags}."
        ) from None


def open_listeners(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of a host; `::` stands for all of the machine, of IPv4 too.

    An address that the machine does not have is left out where it has another: `localhost` often
    has one of IPv6 too, even where IPv6 is switched off.
    Not left to asyncio, which asks for addresses in a thread: what forks later must have none.
    Raise OSError or UnicodeError.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    absent = OSError(errno.EADDRNOTAVAIL, "no such address")
    with ExitStack() as on_failure:
        listeners = []
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                listener = socket.create_server(
                    address,
                    family=family,
                    backlog=BACKLOG,
                    dualstack_ipv6=address[0] == "::" and socket.has_dualstack_ipv6(),
                )
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
