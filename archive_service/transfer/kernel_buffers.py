"""How many bytes of a connection the kernel can hold between two programs of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_SYSCTLS = Path("/proc/sys/net")
_UNKNOWN_BYTES = 8 * 1024 * 1024
"""Assumed for a buffer whose limit the system does not tell; the usual ones are smaller."""
_EXCEEDED_BYTES = 1024 * 1024
"""A buffer takes one packet more than it has room for, of up to 512 KiB."""


def most_held_bytes(sysctls: Path = _SYSCTLS) -> int:
    """Return the most bytes that can be sent and not read: those of both sockets.

    The reader counts as one of this machine: on another, bytes are held by that machine alone.
    The kernel doubles what a program asks for by SO_RCVBUF.
    """
    sending = _numbers(sysctls / "ipv4/tcp_wmem")
    receiving = _numbers(sysctls / "ipv4/tcp_rmem")
    asked_for = [2 * limit for limit in _numbers(sysctls / "core/rmem_max")]
    return (
        max(sending, default=_UNKNOWN_BYTES)
        + max([*receiving, *asked_for], default=_UNKNOWN_BYTES)
        + _EXCEEDED_BYTES
    )


def _numbers(path: Path) -> Sequence[int]:
    try:
        return [int(word) for word in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []
