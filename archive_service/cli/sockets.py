"""The sockets that the service listens on."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import NamedTuple

BACKLOG = 1024
UNSENT_BYTES = 128 * 1024
"""The most that the kernel takes of an answer beyond what is on its way."""
_SILENT_S = 10
"""How long; the kernel makes 15 s of it."""
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class NotListening(Exception):
    """The service can't listen now; the text is one line for the operator."""


class NoSuchHost(ValueError):
    """A host is no address of this machine; the text says why."""


class Listeners(NamedTuple):
    """The sockets for archives, and those of a monitoring port of its own."""

    archives: Sequence[socket.socket]
    monitoring: Sequence[socket.socket]

    def close(self) -> None:
        """Close all sockets."""
        for listener in (*self.archives, *self.monitoring):
            listener.close()


def listening(host: str, port: int, *, flags: str) -> list[socket.socket]:
    """Listen like `open_listeners`.

    Raise NotListening, whose text names the flags for host and port, or NoSuchHost if no port of
    the host would do.
    """
    try:
        return open_listeners(host, port)
    except (UnicodeError, socket.gaierror):
        raise NoSuchHost("not a name of any host") from None
    except OSError as error:
        if error.errno in _ABSENT:
            raise NoSuchHost("not an address of this machine") from None
        # Not error.strerror, to which Python and asyncio add text.
        reason = os.strerror(error.errno or errno.EIO)
        raise NotListening(
            f"can't listen on {host}:{port}: {reason}. Choose another with {flags}."
        ) from None


def open_listeners(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of a host; `::` means all addresses of the machine, IPv4 included.

    Addresses that the machine lacks are skipped if it has another one: `localhost` often has an
    IPv6 address even where IPv6 is switched off.  asyncio could do this, but it resolves names in a
    thread, and a process that forks later must not have threads.  Raise OSError or UnicodeError.
    """
    # As bytes: for text Python loads the tables of international names.
    name = host.encode() if host.isascii() else host
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
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
                _take_silent_ones_late(listener)
                _limit_unsent(listener)
        if not listeners:
            raise absent
        on_failure.pop_all()
    return listeners


def _take_silent_ones_late(listener: socket.socket) -> None:
    """Have the kernel keep connections without a byte for a while: they cost no descriptor."""
    if hasattr(socket, "TCP_DEFER_ACCEPT"):
        with suppress(OSError):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _SILENT_S)


def _limit_unsent(listener: socket.socket) -> None:
    """Have the kernel buffer little for a client beyond the data in flight.

    Thousands of slow clients, with a few hundred kilobytes each, would fill the system's memory for
    TCP, and then all clients wait.  Data in flight is not limited, so quick clients stay quick.
    The connections of a listener inherit its limit.
    """
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with suppress(OSError):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
