"""One module for each kind of question; `SCENARIOS` has them all by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.plan import Plan
from bench.profile import Profile, no_profile, of_downloads, of_first_download
from bench.results import Outcome
from bench.scenarios import (
    cold,
    cores,
    first,
    growth,
    little,
    neighbours,
    parts,
    resume,
    save,
    slow,
    slow_memory,
    slow_storage,
    store,
    throughput,
)


@dataclass(frozen=True)
class Scenario:
    """A scenario, and the profile to take if it misses its target."""

    run: Callable[[Plan], Outcome]
    profile: Profile


_album, _thumbnails = of_downloads(lambda p: p.album), of_downloads(lambda p: p.thumbnails)
SCENARIOS = {
    "album": Scenario(throughput.album, _album),
    "thumbnails": Scenario(throughput.thumbnails, _thumbnails),
    "first-album": Scenario(first.album, of_first_download(lambda p: p.album)),
    "first-thumbnails": Scenario(first.thumbnails, of_first_download(lambda p: p.thumbnails)),
    "little": Scenario(little.little, little.profile),
    "slow": Scenario(slow.slow, slow.profile),
    "cold": Scenario(cold.cold, _album),
    "cores-album": Scenario(cores.album, _album),
    "cores-thumbnails": Scenario(cores.thumbnails, _thumbnails),
    "save-album": Scenario(save.album, save.profile(lambda p: p.album)),
    "save-thumbnails": Scenario(save.thumbnails, save.profile(lambda p: p.thumbnails)),
    "store": Scenario(store.objects, store.profile),
    "slow-storage-thumbnails": Scenario(slow_storage.thumbnails, no_profile),
    "slow-storage-album": Scenario(slow_storage.album, no_profile),
    "slow-storage-memory": Scenario(slow_memory.slow_memory, no_profile),
    "neighbours": Scenario(neighbours.neighbours, no_profile),
    "resume": Scenario(resume.resume, resume.profile),
    "parts": Scenario(parts.parts, no_profile),
    # Last, for they fill the page cache with zeros.
    "growth-files": Scenario(growth.files, growth.profile(growth.files_albums)),
    "growth-bytes": Scenario(growth.bytes_, growth.profile(growth.bytes_albums)),
}
