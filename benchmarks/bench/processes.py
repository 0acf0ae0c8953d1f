"""What the processes of a server cost: CPU time and memory, children included. Linux only."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PEAK_EVERY_S = 0.1
_RESTED_S = 0.02
_REST_LIMIT_S = 1.0
_RESET_PEAK = "5"
"""The value for clear_refs that resets VmHWM, see proc(5)."""


class Usage:
    """The resources that a server used while it was measured."""

    cpu_s = 0.0
    peak_rss = 0
    """Bytes: the sum of each process's highest."""
    idle_rss = 0
    """Bytes before."""
    busiest_share = 0.0
    """The part of the CPU time that the busiest process had, 1.0 where it did all."""


@contextmanager
def watched(pid: int) -> Iterator[Usage]:
    """Measure a process and its descendants; the figures are there at the end."""
    usage = Usage()
    usage.idle_rss = rss(pid)
    for process in _tree(pid):
        Path(f"/proc/{process}/clear_refs").write_text(_RESET_PEAK)
    peaks: dict[int, int] = {}
    is_over = threading.Event()
    watcher = threading.Thread(target=_watch_peaks, args=(pid, peaks, is_over))
    watcher.start()
    before_s = _cpu_by_process(pid)
    try:
        yield usage
    finally:
        rest(pid)
        used_s = [
            now_s - before_s.get(process, 0.0) for process, now_s in _cpu_by_process(pid).items()
        ]
        usage.cpu_s = sum(used_s)
        usage.busiest_share = max(used_s) / (usage.cpu_s or 1.0)
        is_over.set()
        watcher.join()
        _note_peaks(pid, peaks)
        usage.peak_rss = sum(peaks.values())


def cpu_s(pid: int) -> float:
    """Return the user and system time of a process, its descendants and those that ended."""
    return sum(_cpu_by_process(pid).values())


def rss(pid: int) -> int:
    """Return the resident bytes of a process and its descendants."""
    return sum(_memory(process, "VmRSS") for process in _tree(pid))


def pss(pid: int) -> int:
    """Return the same, with of each page that others have, too, only this one's share."""
    return sum(_memory(process, "Pss", file="smaps_rollup") for process in _tree(pid))


def rest(pid: int) -> None:
    """Wait until a server has finished the work after a download, such as writing an index."""
    deadline_s = time.monotonic() + _REST_LIMIT_S
    before_s = -1.0
    while (now_s := cpu_s(pid)) > before_s + _RESTED_S / 10 and time.monotonic() < deadline_s:
        before_s = now_s
        time.sleep(_RESTED_S)


def _cpu_by_process(pid: int) -> dict[int, float]:
    return {process: _own_cpu_s(process) + _reaped_cpu_s(process) for process in _tree(pid)}


def _tree(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                children += map(int, path.read_text().split())
    return [pid, *(process for child in children for process in _tree(child))]


def _own_cpu_s(pid: int) -> float:
    # The clock of a process, in nanoseconds where /proc/pid/stat counts hundredths of a second:
    # clock_getcpuclockid(3), as the kernel numbers it.
    with suppress(OSError):
        return time.clock_gettime((~pid << 3) | 2)
    return 0.0


def _reaped_cpu_s(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / _TICKS_PER_S
    return 0.0


def _watch_peaks(pid: int, peaks: dict[int, int], is_over: threading.Event) -> None:
    while not is_over.wait(_PEAK_EVERY_S):
        _note_peaks(pid, peaks)


def _note_peaks(pid: int, peaks: dict[int, int]) -> None:
    for process in _tree(pid):
        peaks[process] = max(peaks.get(process, 0), _memory(process, "VmHWM"))


def _memory(pid: int, field: str, *, file: str = "status") -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0
