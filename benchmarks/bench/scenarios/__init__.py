"""One module for each kind of question; `SCENARIOS` has them all by name."""

from __future__ import annotations

from collections.abc import Callable

from bench.plan import Plan
from bench.results import Outcome
from bench.scenarios import cold, cores, first, growth, little, resume, save, slow, throughput

SCENARIOS: dict[str, Callable[[Plan], Outcome]] = {
    "album": throughput.album,
    "thumbnails": throughput.thumbnails,
    "first-album": first.album,
    "first-thumbnails": first.thumbnails,
    "little": little.little,
    "slow": slow.slow,
    "cold": cold.cold,
    "cores-album": cores.album,
    "cores-thumbnails": cores.thumbnails,
    "save-album": save.album,
    "save-thumbnails": save.thumbnails,
    "resume": resume.resume,
    # Last, for they fill the page cache with zeros.
    "growth-files": growth.files,
    "growth-bytes": growth.bytes_,
}
