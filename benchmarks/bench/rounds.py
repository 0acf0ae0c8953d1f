"""Rounds in turn, A B A B …, and one download as a sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.downloads import download
from bench.processes import watched
from bench.results import (
    BOTH_CPU,
    FIRST_BYTE,
    PEAK_RSS,
    RATE,
    SERVER_CPU,
    WALL,
    Sample,
    Samples,
    figure,
)
from bench.servers import Server

Rounds = dict[Server, list[Sample]]


def in_turn(servers: Sequence[Server], rounds: int, sample: Callable[[Server], Sample]) -> Rounds:
    """Measure every server in each round."""
    result: Rounds = {server: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            result[server].append(sample(server))
    return result


def fastest_variants(rounds: Rounds, by: str) -> tuple[Samples, list[str]]:
    """Return, by name, the rounds of each server's fastest variant, and which ones these are."""
    best: dict[str, Server] = {}
    for server in rounds:
        rival = best.setdefault(server.name, server)
        if figure(rounds[server], by).median > figure(rounds[rival], by).median:
            best[server.name] = server
    samples = {name: rounds[server] for name, server in best.items()}
    variants = [server.label for server in best.values() if server.variant]
    return samples, [f"The faster variants, which are shown: {', '.join(variants)}."] * bool(
        variants
    )


def download_sample(server: Server, album: str) -> Sample:
    """Download an album once."""
    with watched(server.pid) as usage:
        got = download(server.address(album))
    gigabytes = got.size / 1e9
    return {
        WALL: got.wall_s,
        RATE: got.size / got.wall_s / 1e6,
        FIRST_BYTE: got.first_byte_s * 1e3,
        SERVER_CPU: usage.cpu_s / gigabytes,
        BOTH_CPU: (usage.cpu_s + got.cpu_s) / gigabytes,
        PEAK_RSS: usage.peak_rss / 1e6,
    }
