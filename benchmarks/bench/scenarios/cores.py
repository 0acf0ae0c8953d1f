"""As many workers as cores beside one worker, with more clients than workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

from bench.albums import Album, make, warm
from bench.builds import THIS
from bench.downloads import Client, Downloaded
from bench.plan import REPOSITORY, CannotRun, Plan
from bench.processes import watched
from bench.results import (
    BOTH_CPU,
    PEAK_RSS,
    RATE,
    SERVER_CPU,
    Outcome,
    Sample,
    Samples,
    Target,
    figure,
    ratio,
    ratio_at_least,
)
from bench.rounds import in_turn
from bench.servers import Server, service

_CLIENTS_EACH = 4
"""For each core of the server, because chance decides which worker gets a connection."""
_FASTER = 1.7
_UNCHANGED = 1.1
_EVEN = 1.5
"""The busiest worker may have this many times its even share."""
_BUSIEST = "busiest process, % of the server's CPU"
_ONE = "one worker"


def album(plan: Plan) -> Outcome:
    """Download large files."""
    return _measured(plan, plan.album)


def thumbnails(plan: Plan) -> Outcome:
    """Download many small files."""
    return _measured(plan, plan.thumbnails)


def _measured(plan: Plan, album: Album) -> Outcome:
    if not _knows_workers():
        raise CannotRun("server.py has no --workers")
    servers_cores, clients_cores = _cores()
    workers = len(servers_cores)
    if workers < 2:
        raise CannotRun("there is one core only")
    all_cores = f"{workers} workers"
    with ExitStack() as stack:
        servers = [
            replace(stack.enter_context(_service(plan, count, servers_cores)), name=name)
            for name, count in ((all_cores, workers), (_ONE, 1))
        ]
        samples = _samples(plan, album, servers, workers, clients_cores)
    is_short = servers_cores == clients_cores
    target = _target_where_cores_are_short if is_short else _target
    return Outcome(
        f"all cores, {album.name}",
        f"{album.described()}, {_CLIENTS_EACH * workers} clients at once, "
        + ("on the server's cores" if is_short else "on cores of their own"),
        samples,
        ours=all_cores,
        targets=[target(samples, all_cores, workers)],
    )


def _samples(
    plan: Plan,
    album: Album,
    servers: Sequence[Server],
    workers: int,
    clients_cores: Sequence[int],
) -> Samples:
    warm(make(plan.photos, album))
    for server in servers:
        _download_together(server, album, workers, clients_cores)
    rounds = in_turn(
        servers, plan.rounds, lambda server: _sample(server, album, workers, clients_cores)
    )
    return {server.name: rounds[server] for server in servers}


def _target(samples: Samples, all_cores: str, _workers: int) -> Target:
    return ratio_at_least(samples, _ONE, RATE, _FASTER, ours=all_cores)


def _target_where_cores_are_short(samples: Samples, all_cores: str, workers: int) -> Target:
    """Count an unchanged cost as reached, too: clients may use the cores that workers lack."""
    faster = ratio(samples[all_cores], samples[_ONE], RATE)
    dearer = ratio(samples[all_cores], samples[_ONE], BOTH_CPU)
    busiest = figure(samples[all_cores], _BUSIEST)
    is_as_cheap = dearer.median <= _UNCHANGED and busiest.median <= _EVEN * 100 / workers
    return Target(
        f"{RATE} ≥ {_FASTER} × {_ONE}, or, for cores are short, {BOTH_CPU} ≤ {_UNCHANGED} × "
        "with the work shared",
        f"{faster}; {dearer}, busiest {busiest.median:.0f} %",
        faster.median >= _FASTER or is_as_cheap,
    )


def _knows_workers() -> bool:
    command = [sys.executable, str(REPOSITORY / "server.py"), "--help"]
    return "--workers" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _cores() -> tuple[list[int], list[int]]:
    """Return the server's cores and the clients', apart where there are enough."""
    cores = sorted(os.sched_getaffinity(0))
    half = len(cores) // 2
    return (cores[:half], cores[half:]) if half >= 2 else (cores, cores)


def _service(plan: Plan, workers: int, cores: Sequence[int]) -> AbstractContextManager[Server]:
    return service(
        plan.photos,
        plan.data / "cache",
        arguments=["--workers", str(workers)],
        build=replace(THIS, prefix=tuple(_pinned(cores))),
    )


def _pinned(cores: Sequence[int]) -> list[str]:
    return ["taskset", "-c", ",".join(map(str, cores))]


def _download_together(
    server: Server, album: Album, workers: int, cores: Sequence[int]
) -> list[Downloaded]:
    clients = [
        Client(server.address(album.name), prefix=_pinned(cores))
        for _ in range(_CLIENTS_EACH * workers)
    ]
    return [client.finish() for client in clients]


def _sample(server: Server, album: Album, workers: int, cores: Sequence[int]) -> Sample:
    began_s = time.perf_counter()
    with watched(server.pid) as usage:
        got = _download_together(server, album, workers, cores)
        wall_s = time.perf_counter() - began_s
    size = sum(one.size for one in got)
    return {
        RATE: size / wall_s / 1e6,
        SERVER_CPU: usage.cpu_s / size * 1e9,
        BOTH_CPU: (usage.cpu_s + sum(one.cpu_s for one in got)) / size * 1e9,
        _BUSIEST: usage.busiest_share * 100,
        PEAK_RSS: usage.peak_rss / 1e6,
    }
