"""What the process of the service asks of the interpreter, of malloc and of the kernel."""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
from contextlib import suppress

_SWITCH_S = 0.0005
"""How long the event loop waits for a computing thread after each system call, some ten times a
request.  Python's own 5 ms would delay an answer by 50 ms."""
_SLICE_NS = 100_000
"""The shortest slice that Linux grants."""
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""The number of the system call, for which only glibc 2.41 and later has a function."""
_SCHED_ATTR = struct.Struct("=IIQiIQQQ")
"""struct sched_attr, see sched_setattr(2): size, policy, flags, nice, priority, runtime, …"""
_RESET_ON_FORK = 1
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of malloc.h; see mallopt(3)."""
_KEPT_FREE_BYTES = 8 * 1024 * 1024


def give_way_to_event_loop() -> None:
    """Let no thread that computes keep the event loop waiting for long."""
    sys.setswitchinterval(_SWITCH_S)


def wake_soon() -> None:
    """Have the kernel run the calling thread, but none made later, soon after it wakes.

    With a short slice (Linux 6.12) it gets no more of the processor, but has its turn sooner: ahead
    of threads that pack or hash for milliseconds.
    """
    if sys.platform != "linux" or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    number = _SCHED_SETATTR.get(os.uname().machine)
    if number is None:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    if nice < 0:  # threads made later would lose it
        return
    flags = _RESET_ON_FORK
    fields = _SCHED_ATTR.size, os.SCHED_OTHER, flags, nice, 0, _SLICE_NS, 0, 0
    # A kernel before 6.12 ignores the slice; where the call is forbidden nothing changes.
    ctypes.CDLL(None).syscall(number, 0, _SCHED_ATTR.pack(*fields), 0)


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
