"""The progress of a TCP connection, as the kernel reports it."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

_TCP_INFO = getattr(socket, "TCP_INFO", None)
_Info = struct.Struct(  # struct tcp_info, linux/tcp.h
    "="
    "B"  # tcpi_state
    "23x"
    "I"  # tcpi_unacked: segments on their way
    "92x"
    "Q"  # tcpi_bytes_acked
    "16x"
    "I"  # tcpi_notsent_bytes
)
_CLOSED = 7  # TCP_CLOSE, of the states in linux/tcp_states.h


class TcpProgress(NamedTuple):
    """How far a connection has come."""

    is_reset: bool
    """Whether the peer has reset the connection."""
    is_pending: bool
    """Whether data is in flight or waits for the peer to accept it."""
    acknowledged_bytes: int


def progress_of(connection: socket.socket) -> TcpProgress | None:
    """Return the progress of a connection; None where the system does not report it."""
    if _TCP_INFO is None:
        return None
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _Info.size)
        state, unacked, acknowledged_bytes, unsent_bytes = _Info.unpack(info)
    except (OSError, struct.error):  # not TCP, or an older kernel with a shorter struct
        return None
    return TcpProgress(state == _CLOSED, bool(unacked or unsent_bytes), acknowledged_bytes)
