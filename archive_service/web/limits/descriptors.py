"""How many connections a process may take, so that their downloads have descriptors.

Each download needs descriptors besides that of its connection.  A process that spends all of them
on connections can open no file for the downloads that it has accepted, and cuts them.
"""

from __future__ import annotations

import os
import resource

PER_DOWNLOAD = 3
"""The connection, its duplicate (`SocketWriter`) and the file that is sent."""
_MOST_RESERVED = 256
_RESERVED_PART = 4
"""At most a quarter is reserved for listings, hashing, reading ahead and the index."""


def has_room_for_another(connections: int) -> bool:
    """Return whether a process with so many connections has descriptors for one more."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return True
    usable = limit - min(_MOST_RESERVED, limit // _RESERVED_PART)
    return (connections + 1) * PER_DOWNLOAD <= usable and _lowest_free() < usable


def _lowest_free() -> int:
    """Return the lowest free descriptor: at least as many are in use."""
    try:
        descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # none is free
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.close(descriptor)
    return descriptor
