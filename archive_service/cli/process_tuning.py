"""What the process of the service asks of the interpreter, of malloc and of the kernel."""

from __future__ import annotations

import ctypes
import resource
import sys
from contextlib import suppress

_SWITCH_S = 0.0001
"""How long the event loop waits for a computing thread after each system call, some ten times a
request.  Python's own 5 ms would delay an answer by 50 ms."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of malloc.h; see mallopt(3)."""
_KEPT_FREE_BYTES = 8 * 1024 * 1024


def give_way_to_event_loop() -> None:
    """Let no thread that computes keep the event loop waiting for long."""
    sys.setswitchinterval(_SWITCH_S)


def allow_many_connections() -> None:
    """Raise the limit of open files, often 1024, to the hard limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS grants less than its hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def take_memory_from_one_place() -> None:
    """Let all threads share one arena of glibc's malloc.

    Otherwise each thread keeps what it has freed, and a download of 50,000 files takes 113 MB
    instead of 80.  Up to _KEPT_FREE_BYTES stay with the process, for the buffers of the next batch.
    """
    with suppress(OSError, AttributeError):  # musl and macOS have no arenas
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _KEPT_FREE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_FREE_BYTES)
