"""Measure how long each INDEX_URL takes to store and load an album.

    python benchmarks/index.py sqlite:////tmp/crc.sqlite3 redis://127.0.0.1/1 postgresql://…

Prints a table with the least of some rounds for each figure.  It first deletes everything in the
namespace of the address, and leaves what it stores.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.base import CrcIndex, Rows
from archive_service.checksums.crc_index.index_url import make_store, parse_index_url
from archive_service.checksums.crc_index.shared_index import SharedCrcIndex
from archive_service.checksums.crc_index.sqlite import SqliteCrcIndex

SIZES = (1_000, 50_000)
ROUNDS = 15


def index_at(url: str) -> CrcIndex:
    address = parse_index_url(url)
    if address.kind == "sqlite":
        return SqliteCrcIndex(address.path, sys.exit)
    return SharedCrcIndex(lambda: make_store(address), sys.exit)


def rows_of(size: int) -> Rows:
    return Rows.of([(b"2026/%06d.jpg" % n, os.urandom(32), n) for n in range(size)])


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return milliseconds on the clock and of the CPU of this process."""
    clock_s, cpu_s = time.perf_counter(), time.process_time()
    work()
    return 1000 * (time.perf_counter() - clock_s), 1000 * (time.process_time() - cpu_s)


def measured(url: str, size: int) -> str:
    index, album, rows = index_at(url), ArchiveId(f"{size:032d}"), rows_of(size)
    index.load(album)  # connects
    stores = [timed(lambda: index.store(album, rows)) for _ in range(ROUNDS)]
    index.prune([])
    index.store(album, rows)
    loads = [timed(lambda: index.load(album)) for _ in range(ROUNDS)]
    assert len(index.load(album)) == size
    index.close()
    figures = [min(column) for kind in (loads, stores) for column in zip(*kind, strict=True)]
    return " | ".join(f"{figure:.1f}" for figure in figures)


def main() -> None:
    print("| index | files | load, ms | CPU | store, ms | CPU |")
    print("| --- | --- | --- | --- | --- | --- |")
    for url in sys.argv[1:]:
        for size in SIZES:
            print(f"| {parse_index_url(url).kind} | {size:,} | {measured(url, size)} |", flush=True)


if __name__ == "__main__":
    main()
