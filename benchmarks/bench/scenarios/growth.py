"""How time, CPU and memory grow with the number of files and with bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.albums import MIB, Album, make
from bench.downloads import download, first_byte
from bench.plan import Plan, sparse_bytes, sparse_files
from bench.processes import watched
from bench.profile import Profile, while_working
from bench.results import CPU, PEAK_RSS, WALL, Outcome, Sample, Samples, Target, figure
from bench.servers import Server, service

FILES, BYTES = "growth with files", "growth with bytes"
_LINEAR = 1.5
"""The cost of a file or byte may grow by this factor from one size to the next."""
_CONSTANT = 1.5
_ONCE_ABOVE_FILES, _ONCE_ABOVE_BYTES = 50_000, 2_000_000_000


def files_albums(plan: Plan) -> Mapping[int, Album]:
    """Return albums by the number of their files."""
    counts = (1_000, 10_000) if plan.is_quick else (1_000, 10_000, 100_000, 500_000)
    return {count: sparse_files(count) for count in counts}


def bytes_albums(plan: Plan) -> Mapping[int, Album]:
    """Return albums by their MB."""
    sizes = (1, 10, 100, 1_000) if plan.is_quick else (1, 10, 100, 1_000, 10_000, 100_000)
    return {megabytes: sparse_bytes(megabytes) for megabytes in sizes}


def files(plan: Plan) -> Outcome:
    """Download albums of ever more files."""
    samples = _measured(plan, files_albums(plan))
    return Outcome(
        FILES,
        "sparse files of 8 KiB, warm cache, indexed, by the number of files",
        samples,
        ours="",
        targets=[_linear(samples, by) for by in (WALL, CPU, PEAK_RSS)],
    )


def bytes_(plan: Plan) -> Outcome:
    """Download albums of ever more bytes."""
    samples = _measured(plan, bytes_albums(plan))
    return Outcome(
        BYTES,
        "100 sparse files, indexed, by MB",
        samples,
        ours="",
        targets=[_linear(samples, WALL), _linear(samples, CPU), _constant(samples, PEAK_RSS)],
    )


def profile(albums: Callable[[Plan], Mapping[int, Album]]) -> Profile:
    """Profile a download of the largest album."""

    def run(plan: Plan) -> Sequence[str]:
        *_, largest = albums(plan).values()
        with service(plan.sparse, plan.data / "sparse-cache") as server:
            return while_working(plan, server, lambda: download(server.address(largest.name)))

    return run


def _measured(plan: Plan, albums: Mapping[int, Album]) -> Samples:
    samples: dict[str, list[Sample]] = {}
    for amount, album in albums.items():
        make(plan.sparse, album)
        is_long = album.count > _ONCE_ABOVE_FILES or album.count * album.size > _ONCE_ABOVE_BYTES
        # Restart each time, so that memory left by one download does not count for the next.
        with service(plan.sparse, plan.data / "sparse-cache") as server:
            first_byte(server.address(album.name), fields=f"Range: bytes=-{MIB}\r\n")
            samples[str(amount)] = [
                _sample(server, album) for _ in range(1 if is_long else plan.rounds)
            ]
    return samples


def _sample(server: Server, album: Album) -> Sample:
    with watched(server.pid) as usage:
        got = download(server.address(album.name))
    return {WALL: got.wall_s, CPU: usage.cpu_s, PEAK_RSS: usage.peak_rss / 1e6}


def _linear(samples: Samples, by: str) -> Target:
    """Compare the cost of one file or byte at the two largest sizes."""
    *_, before, largest = samples
    growth = figure(samples[largest], by).median / figure(samples[before], by).median
    times = growth / (int(largest) / int(before))
    what = f"linear in {by}: one of {largest} costs ≤ {_LINEAR} × one of {before}"
    return Target(what, f"{times:.2f}", times <= _LINEAR)


def _constant(samples: Samples, by: str) -> Target:
    smallest, *_, largest = samples
    times = figure(samples[largest], by).median / figure(samples[smallest], by).median
    return Target(f"{by} ≤ {_CONSTANT} × that of the smallest", f"{times:.2f}", times <= _CONSTANT)
