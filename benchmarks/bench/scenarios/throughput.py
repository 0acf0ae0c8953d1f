"""The album and the thumbnails: one download at a time from each server in turn."""

from __future__ import annotations

import statistics
from dataclasses import replace

from bench import archives
from bench.albums import Album, make, warm
from bench.downloads import first_byte
from bench.plan import Plan
from bench.processes import cpu_s, rest
from bench.results import (
    BOTH_CPU,
    RATE,
    SERVER_CPU,
    Outcome,
    Target,
    at_most,
    fastest,
    ratio_at_least,
    ratio_at_most,
)
from bench.rounds import download_sample, fastest_variants, in_turn
from bench.servers import NGINX, PACKERS, SERVICE, STARTERS, Server, started

_FIRST_BYTE_CPU_S = 0.3


def album(plan: Plan) -> Outcome:
    """Download large files."""
    outcome, _ = _measured(plan, plan.album)
    samples = outcome.samples
    targets = [
        ratio_at_least(samples, NGINX, RATE, 1.3),
        ratio_at_most(samples, NGINX, BOTH_CPU, 0.85),
        ratio_at_most(samples, NGINX, SERVER_CPU, 1.1),
        ratio_at_least(samples, fastest(samples, PACKERS, RATE), RATE, 2.0),
    ]
    return replace(outcome, targets=targets)


def thumbnails(plan: Plan) -> Outcome:
    """Download many small files."""
    outcome, first_byte_target = _measured(plan, plan.thumbnails)
    samples = outcome.samples
    targets = [
        ratio_at_least(samples, NGINX, RATE, 0.5),
        ratio_at_least(samples, fastest(samples, PACKERS, RATE), RATE, 3.0),
        first_byte_target,
    ]
    return replace(outcome, targets=targets)


def _measured(plan: Plan, album: Album) -> tuple[Outcome, Target]:
    path = make(plan.photos, album)
    archives.prebuild(plan, album)
    with started(plan, list(STARTERS)) as peers:
        archives.check(plan, peers, album)
        warm(path)
        warm(plan.prebuilt / f"{album.name}.zip")
        rounds = in_turn(
            peers.servers, plan.rounds, lambda server: download_sample(server, album.name)
        )
        first_byte_target = at_most(
            "server's CPU until the first byte",
            _first_byte_cpu_s(peers[SERVICE], album, plan.rounds),
            _FIRST_BYTE_CPU_S,
            " s",
        )
    samples, notes = fastest_variants(rounds, RATE)
    title = f"{album.described()}, warm cache, indexed"
    outcome = Outcome(album.name, title, samples, notes=notes, absent=peers.absent)
    return outcome, first_byte_target


def _first_byte_cpu_s(server: Server, album: Album, rounds: int) -> float:
    def once() -> float:
        rest(server.pid)
        before_s = cpu_s(server.pid)
        first_byte(server.address(album.name))
        return cpu_s(server.pid) - before_s

    return statistics.median(once() for _ in range(rounds))
