"""Compute what 1, 10 and 100 Gbit/s require, from the measurements of `benchmarks/run.py`.

    python benchmarks/scaling.py [docs/performance/results.json]

It prints the tables of docs/scaling.md.  Nothing was run at such a size: the figures come from the
benchmark, on two cores over loopback, multiplied by the assumptions below.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "performance" / "results.json"
LINES_GBIT_PER_S = (1, 10, 100)

# Assumptions.  Each has its source behind it; change one, and docs/scaling.md has to follow.
PHOTO_BYTES = 5 * 1024**2  # the benchmark's album; a camera's JPEG has 3 to 12 MB
WEB_PHOTO_BYTES = 200 * 1024  # the benchmark's little album; a picture scaled for the web
ALBUM_BYTES = 400 * PHOTO_BYTES  # the benchmark's album
FIRST_SHARE = 0.2  # of the bytes sent, those whose checksum is yet to be learned: a guess
VISITOR_BYTES_PER_S = 2_500_000  # a household's 20 Mbit/s: a guess
SLOW_VISITOR_BYTES_PER_S = 20_000  # the benchmark's slow clients, the worst that was measured
CORES_PER_REPLICA = 2  # and as many WORKERS: two were measured, more were not
BUSY_SHARE = 0.6  # of cores and lines in use at the peak: leaves room for a replica that is gone
REPLICA_LINE_GBIT_PER_S = 10  # what a machine's network card has
SPARE_REPLICAS = 1  # one may be upgraded or lost
LARGE_ALBUM_MB = 30  # while an album of 50,000 files is downloaded: docs/operations.md
INDEX_BYTES_PER_FILE = 60  # SQLite, docs/operations.md; what other stores take was not measured
LIBRARY_S = 86_400  # photographs kept: as many as the line sends in a day, a guess
STORE_REQUESTS_PER_FILE = 1  # with S3_MEMORY enough to read a file in one go
STORE_LISTED_PER_REQUEST = 1000  # ListObjectsV2
STORE_REQUESTS_PER_S = 5_500  # of one prefix: Amazon S3's documentation of its limits
STORE_MEMORY_MB = 256.0  # the default of S3_MEMORY
FRONT_CONNECTIONS = 28_232  # of one front to one replica: Linux's ip_local_port_range


@dataclass(frozen=True, slots=True)
class Measured:
    """The benchmark's figures of the service; medians over its rounds."""

    quick_cpu_s_per_gb: float
    """Indexed albums to clients as quick as loopback, two workers."""
    learning_cpu_s_per_gb: float
    """What a first download takes more than that."""
    slow_cpu_s_per_gb: float
    """To the benchmark's slow clients, with the little album that was asked for beside them."""
    process_mb: float
    download_kb: float
    """Memory of the process for each slow client."""
    kernel_kb: float
    """Memory of the kernel's TCP buffers for each slow client, of both ends: it is one machine."""
    process_gbit_per_s: float
    """What one process sent."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The requirements of one line."""

    line_gbit_per_s: float
    downloads: int
    cores: float
    replicas: int
    bound_by: str
    """What the number of replicas follows from."""
    memory_mb: float
    """Of each replica, the kernel's buffers included."""
    store_requests_per_s: float
    index_gb: float


def results(path: Path = RESULTS) -> Mapping[str, Any]:
    """Read the figures that the benchmark has written."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def measured(found: Mapping[str, Any]) -> Measured:
    """Select the figures for scaling from the benchmark's results."""

    def figure(scenario: str, server: str, name: str) -> float:
        (outcome,) = (each for each in found["outcomes"] if each["name"] == scenario)
        return statistics.median(sample[name] for sample in outcome["samples"][server])

    slow, cpu = "many slow clients", "CPU-s/GB, server"
    clients = int(title(found, slow).split(" ", 1)[0].replace(",", ""))
    slow_gb_per_s = clients * figure(slow, "service", "median client, KB/s") / 1e6
    cores = figure(slow, "service", "server's CPU, % of a core") / 100
    return Measured(
        quick_cpu_s_per_gb=figure("all cores, album", "2 workers", cpu),
        learning_cpu_s_per_gb=figure("first album", "first ever", cpu)
        - figure("first album", "indexed", cpu),
        slow_cpu_s_per_gb=cores / slow_gb_per_s,
        process_mb=figure("album", "service", "peak RSS, MB"),
        download_kb=figure(slow, "service", "RSS each, KB"),
        kernel_kb=figure(slow, "service", "the system's TCP buffers, MB") * 1000 / clients,
        process_gbit_per_s=figure("all cores, album", "one worker", "MB/s") * 8 / 1000,
    )


def title(found: Mapping[str, Any], scenario: str) -> str:
    """Return the benchmark's outcome of a scenario."""
    (text,) = (each["title"] for each in found["outcomes"] if each["name"] == scenario)
    return str(text)


def memory_mb(found: Measured, downloads: float) -> float:
    """Return the memory of a replica with so many downloads, the kernel's buffers included."""
    per_download_mb = (found.download_kb + found.kernel_kb) / 1000
    processes_mb = CORES_PER_REPLICA * found.process_mb
    return processes_mb + STORE_MEMORY_MB + LARGE_ALBUM_MB + downloads * per_download_mb


def store_requests_per_s(bytes_per_s: float, photo_bytes: float) -> float:
    """Return the requests that a store answers where nothing is cached."""
    return bytes_per_s / photo_bytes * (STORE_REQUESTS_PER_FILE + 1 / STORE_LISTED_PER_REQUEST)


def planned(
    found: Measured, line_gbit_per_s: float, *, visitor_bytes_per_s: float, cpu_s_per_gb: float
) -> Plan:
    """Compute the requirements of a line filled by visitors of one rate."""
    bytes_per_s = line_gbit_per_s * 1e9 / 8
    cpu_s_per_gb += FIRST_SHARE * found.learning_cpu_s_per_gb
    cores = bytes_per_s / 1e9 * cpu_s_per_gb
    downloads = math.ceil(bytes_per_s / visitor_bytes_per_s)
    replicas = {
        "cores": cores / BUSY_SHARE / CORES_PER_REPLICA,
        "lines": line_gbit_per_s / BUSY_SHARE / REPLICA_LINE_GBIT_PER_S,
        "ports of one front": downloads / FRONT_CONNECTIONS,
    }
    bound_by = max(replicas, key=lambda name: replicas[name])
    needed = math.ceil(replicas[bound_by])
    return Plan(
        line_gbit_per_s,
        downloads,
        cores,
        needed + SPARE_REPLICAS,
        bound_by if replicas[bound_by] > 1 else "nothing",
        memory_mb(found, downloads / needed),  # one is away
        store_requests_per_s(bytes_per_s, PHOTO_BYTES),
        bytes_per_s * LIBRARY_S / PHOTO_BYTES * INDEX_BYTES_PER_FILE / 1e9,
    )


def ceilings(found: Measured) -> Iterator[tuple[str, float]]:
    """Yield the limits of a line and their Gbit/s, the lowest first."""
    store_gbit_per_s = STORE_REQUESTS_PER_S / store_requests_per_s(1e9 / 8, 1)  # a byte a file
    front_gbit_per_s = FRONT_CONNECTIONS * 8 / 1e9
    found_at = {
        "one process, slow visitors: its core": 8 / found.slow_cpu_s_per_gb,
        "one process, quick visitors: its core": found.process_gbit_per_s,
        f"one replica: its network card of {REPLICA_LINE_GBIT_PER_S} Gbit/s": float(
            REPLICA_LINE_GBIT_PER_S
        ),
        "one prefix of the store, pictures of 200 KiB": store_gbit_per_s * WEB_PHOTO_BYTES,
        "one prefix of the store, photographs of 5 MiB": store_gbit_per_s * PHOTO_BYTES,
        "one replica, one front, slow visitors: ports": front_gbit_per_s * SLOW_VISITOR_BYTES_PER_S,
        "one replica, one front, visitors of 20 Mbit/s: ports": front_gbit_per_s
        * VISITOR_BYTES_PER_S,
    }
    yield from sorted(found_at.items(), key=lambda item: item[1])


def tables(found: Measured) -> str:
    """Return the Markdown of docs/scaling.md."""
    costs = [
        ("CPU, quick visitors", f"{found.quick_cpu_s_per_gb:.2f} CPU-s/GB"),
        ("CPU, visitors at 20 KB/s", f"{found.slow_cpu_s_per_gb:.1f} CPU-s/GB"),
        ("CPU, checksums of a first download", f"{found.learning_cpu_s_per_gb:.2f} CPU-s/GB more"),
        ("memory of a process", f"{found.process_mb:.0f} MB"),
        ("memory of a download to a slow visitor", f"{found.download_kb:.0f} KB"),
        ("the kernel's buffers for it", f"{found.kernel_kb:.0f} KB"),
        ("what one process sent", f"{found.process_gbit_per_s:.0f} Gbit/s"),
    ]
    dearest = max(found.quick_cpu_s_per_gb, found.slow_cpu_s_per_gb)
    blocks = [
        ("What was measured", _table(("of", "measured"), costs)),
        (
            "Computed: visitors of 20 Mbit/s, at the CPU time of quick ones",
            _plans(found, VISITOR_BYTES_PER_S, found.quick_cpu_s_per_gb),
        ),
        (
            "Computed: the same visitors, at the CPU time of slow ones",
            _plans(found, VISITOR_BYTES_PER_S, dearest),
        ),
        (
            "Computed: every visitor at 20 KB/s",
            _plans(found, SLOW_VISITOR_BYTES_PER_S, dearest),
        ),
        (
            "Computed: what ends first",
            _table(("what", "Gbit/s"), [(what, f"{at:,.1f}") for what, at in ceilings(found)]),
        ),
    ]
    return "\n".join(f"### {heading}\n\n{table}" for heading, table in blocks)


def _plans(found: Measured, visitor_bytes_per_s: float, cpu_s_per_gb: float) -> str:
    plans = (
        planned(found, line, visitor_bytes_per_s=visitor_bytes_per_s, cpu_s_per_gb=cpu_s_per_gb)
        for line in LINES_GBIT_PER_S
    )
    head = ("Gbit/s", "downloads at once", "cores at work", "replicas", "because of")
    return _table(
        (*head, "memory of each, MB", "store requests/s", "index, GB"),
        [
            (
                f"{plan.line_gbit_per_s:,}",
                f"{plan.downloads:,}",
                f"{plan.cores:,.2f}",
                f"{plan.replicas:,}",
                plan.bound_by,
                f"{plan.memory_mb:,.0f}",
                f"{plan.store_requests_per_s:,.0f}",
                f"{plan.index_gb:,.2f}",
            )
            for plan in plans
        ],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: Sequence[str]) -> int:
    """Print the tables."""
    print(tables(measured(results(*map(Path, arguments)))), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
