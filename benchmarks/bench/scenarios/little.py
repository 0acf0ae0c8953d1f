"""A little album, downloaded repeatedly by clients that keep their connections."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from bench import archives
from bench.albums import Album, make, warm
from bench.downloads import download
from bench.plan import CannotRun, Plan
from bench.processes import watched
from bench.profile import while_working
from bench.results import (
    BOTH_CPU,
    FIRST_BYTE,
    PEAK_RSS,
    REQUESTS,
    REQUESTS_PER_CPU,
    SERVER_CPU,
    Outcome,
    Sample,
    fastest,
    ratio_at_least,
)
from bench.rounds import fastest_variants, in_turn
from bench.servers import PYTHON_PACKERS, SERVICE, STARTERS, Server, started

_CLIENTS = 16
_FIRST_BYTES = 20
_COUNT = re.compile(r"(\d+) requests in ")
_RATE = re.compile(r"Requests/sec: +([\d.]+)")
_FAILURES = re.compile(r"Non-2xx|connect [1-9]|write [1-9]|timeout [1-9]")
"""Not "read", which wrk also reports when a server closes each connection, like copyparty."""
_READ = re.compile(r"([\d.]+)([MG])B read")
_UNITS = {"M": 2**20, "G": 2**30}
_WHOLE = 0.95
"""The share of the expected bytes that must have been read, or downloads are broken."""


def little(plan: Plan) -> Outcome:
    """Ask with wrk, the server on one core and the clients on another."""
    if not shutil.which("wrk"):
        raise CannotRun("wrk is not installed")
    servers_core, _ = cores()
    album = plan.little
    path = make(plan.photos, album)
    archives.prebuild(plan, album)
    with started(plan, list(STARTERS), prefix=servers_core) as peers:
        archives.check(plan, peers, album)
        warm(path)
        size = (plan.prebuilt / f"{album.name}.zip").stat().st_size
        rounds = in_turn(
            peers.servers,
            1 if plan.is_quick else plan.rounds,
            lambda server: requests_sample(plan, server, album, size),
        )
    samples, notes = fastest_variants(rounds, REQUESTS)
    rival = fastest(samples, PYTHON_PACKERS, REQUESTS)
    return Outcome(
        "little album",
        f"{album.described()}, {_CLIENTS} keep-alive clients, one core for the server",
        samples,
        targets=[
            ratio_at_least(samples, rival, REQUESTS, 2.0),
            ratio_at_least(samples, rival, REQUESTS_PER_CPU, 2.0),
        ],
        notes=notes,
        absent=peers.absent,
    )


def profile(plan: Plan) -> Sequence[str]:
    """Profile the service while the clients ask."""
    servers_core, clients_core = cores()
    with started(plan, [SERVICE], prefix=servers_core) as peers:
        server = peers[SERVICE]
        url = server.address(plan.little.name)
        download(url)
        command = [*clients_core, *_wrk(1), url]
        return while_working(
            plan, server, lambda: subprocess.run(command, check=True, capture_output=True)
        )


def cores() -> tuple[list[str], list[str]]:
    """Return what pins servers to one core and clients to another, nothing on a single core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 or not shutil.which("taskset"):
        return [], []
    return ["taskset", "-c", str(cores[0])], ["taskset", "-c", str(cores[1])]


def _wrk(duration_s: int) -> list[str]:
    return ["wrk", "-t1", f"-c{_CLIENTS}", f"-d{duration_s}s"]


def requests_sample(plan: Plan, server: Server, album: Album, size: int) -> Sample:
    """Ask for an album of `size` bytes for some seconds; raise CannotRun without wrk."""
    if not shutil.which("wrk"):
        raise CannotRun("wrk is not installed")
    _, clients_core = cores()
    wrk = [*clients_core, *_wrk(1 if plan.is_quick else 5)]
    url = server.address(album.name)
    first_byte_s = download(url, count=_FIRST_BYTES).first_byte_s
    with watched(server.pid) as usage:
        process = subprocess.Popen([*wrk, url], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        with process.stdout as output:
            said = output.read()
        _, status, client = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or _FAILURES.search(said):
        raise RuntimeError(f"{server.label}: {said}")
    count, requests_per_s = _figures(said, size)
    both_cpu_s = usage.cpu_s + client.ru_utime + client.ru_stime
    gigabytes = count * size / 1e9
    return {
        REQUESTS: requests_per_s,
        FIRST_BYTE: first_byte_s * 1e3,
        REQUESTS_PER_CPU: count / both_cpu_s,
        SERVER_CPU: usage.cpu_s / gigabytes,
        BOTH_CPU: both_cpu_s / gigabytes,
        PEAK_RSS: usage.peak_rss / 1e6,
    }


def _figures(said: str, size: int) -> tuple[int, float]:
    """Return the number of requests, and how many a second."""
    count, rate, read = _COUNT.search(said), _RATE.search(said), _READ.search(said)
    if not (count and rate and read):
        raise RuntimeError(f"wrk said: {said}")
    if float(read.group(1)) * _UNITS[read.group(2)] < int(count.group(1)) * size * _WHOLE:
        raise RuntimeError(f"downloads were cut short: {said}")
    return int(count.group(1)), float(rate.group(1))
