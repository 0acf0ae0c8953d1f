"""Metrics that are read on each scrape, not counted.

The resources of the processes are read from /proc, so those metrics exist on Linux only.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SHARED_METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Set if several processes serve: names the directory of their metrics' files."""
_FILES_OF_LIVING_WORKERS = "gauge_livesum_*.db"
_PROC = Path("/proc")
_TICKS = slice(11, 15)
"""Fields of /proc/PID/stat behind the name: utime, stime, cutime, cstime (proc_pid_stat(5))."""
_RESIDENT_PAGES = 1
"""Field of /proc/PID/statm."""


class ProcessMetrics(Collector):
    """The size of the CRC index, limits, and the resources that the processes use.

    `index_bytes` returns the size of the index, or None if it is no file.  `downloads_limit` is the
    most downloads at once; with 0, no limit, the metric is left out.
    """

    def __init__(self, index_bytes: Callable[[], int | None], *, downloads_limit: int) -> None:
        self._index_bytes = index_bytes
        self._downloads_limit = downloads_limit

    def collect(self) -> Iterable[Metric]:
        """Read all metrics."""
        size = self._index_bytes()
        if size is not None:
            yield GaugeMetricFamily("archive_index_bytes", "Size of the CRC index", size)
        if self._downloads_limit:
            yield GaugeMetricFamily(
                "archive_downloads_limit", "Downloads that may be under way", self._downloads_limit
            )
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield GaugeMetricFamily(
            "archive_open_files_limit", "Files that one process may have open", soft
        )
        if (_PROC / "self" / "stat").exists():
            yield from _used([_PROC / str(pid) for pid in _pids()])


class Readiness(Collector):
    """Whether albums can be read; the scrape has just tried it."""

    def __init__(self, *, is_ready: bool) -> None:
        self._is_ready = is_ready

    def collect(self) -> Iterable[Metric]:
        """Yield the one metric."""
        yield GaugeMetricFamily(
            "archive_ready", "Whether albums can be read, as /readyz reports", self._is_ready
        )


def _pids() -> list[int]:
    """Return the process ids of the service: this one, or the supervisor and its workers."""
    directory = os.environ.get(SHARED_METRICS_VARIABLE)
    if directory is None:
        return [os.getpid()]
    files = Path(directory).glob(_FILES_OF_LIVING_WORKERS)
    return [os.getppid(), *(int(path.stem.rpartition("_")[2]) for path in files)]


def _used(processes: list[Path]) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "archive_processes", "Processes of the service", sum(path.exists() for path in processes)
    )
    yield CounterMetricFamily(
        "archive_cpu_seconds",
        "CPU time of all processes, those that have ended included",
        sum(_of_each(_cpu_s, processes)),
    )
    yield GaugeMetricFamily(
        "archive_resident_bytes",
        "Memory of all processes; what they share is counted for each",
        sum(_of_each(_resident_bytes, processes)),
    )
    yield GaugeMetricFamily(
        "archive_open_files",
        "Files, sockets included, that the process with most of them has open",
        max(_of_each(_open_files, processes), default=0),
    )


def _of_each(figure: Callable[[Path], float], processes: list[Path]) -> Iterator[float]:
    for process in processes:
        with suppress(OSError):  # it has ended
            yield figure(process)


def _cpu_s(process: Path) -> float:
    # The name in front stands in brackets and may itself hold spaces and brackets.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    ticks = map(int, fields[_TICKS])
    return sum(ticks) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(process: Path) -> float:
    pages = int((process / "statm").read_text().split()[_RESIDENT_PAGES])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _open_files(process: Path) -> float:
    return sum(1 for _ in (process / "fd").iterdir())
