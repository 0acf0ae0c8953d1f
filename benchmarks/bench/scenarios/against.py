"""This build beside another: both are up at the same time and are asked in turn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from bench.albums import Album, evict, files, lists_beside, make, make_linked, make_list, warm
from bench.builds import THIS, Build, other_build
from bench.downloads import download, first_byte
from bench.plan import Plan
from bench.processes import cpu_s, pss, rest, rss
from bench.results import (
    BOTH_CPU,
    CPU,
    FIRST_BYTE,
    IDLE_PSS,
    IDLE_RSS,
    PEAK_RSS,
    RATE,
    REQUESTS,
    REQUESTS_PER_CPU,
    WALL,
    Outcome,
    Sample,
    ratio_at_least,
    ratio_at_most,
)
from bench.rounds import download_sample, in_turn
from bench.scenarios import neighbours, slow_storage
from bench.scenarios.little import cores, requests_sample
from bench.scenarios.save import command_sample, save_command
from bench.scenarios.slow_storage import READERS, read_at_once
from bench.servers import Server, service

_WORSE, _BETTER = 1.1, 0.9
"""How much worse a figure may be: a tenth."""
_COLD = 0.6
"""Of the time of a build that reads one file after the other."""
_FIRST_BYTES, _FILES_SAVED = 10, 10
"""Measurements in each round."""
Row = Callable[[Plan, Build], Outcome]
_Albums = Callable[[Plan], Album]


def rows(plan: Plan) -> dict[str, Callable[[Plan], Outcome]]:
    """Return the comparisons with the plan's other checkout, by name."""
    assert plan.against is not None
    other = other_build(plan.against)
    pairs = {name: (lambda plan, row=row: row(plan, other)) for name, row in _ROWS.items()}
    return pairs | _SLOW_STORAGE


def _downloads(album_of: _Albums) -> Row:
    def run(plan: Plan, other: Build) -> Outcome:
        album = album_of(plan)
        warm(make(plan.photos, album))
        with _both_up(plan, other) as servers:
            for server in servers:
                download(server.address(album.name))
            rounds = in_turn(servers, plan.rounds, lambda s: download_sample(s, album.name))
        return _outcome(
            f"{album.name}, indexed", album, rounds, higher=[RATE], lower=[BOTH_CPU, PEAK_RSS]
        )

    return run


def _first_downloads(album_of: _Albums) -> Row:
    def run(plan: Plan, other: Build) -> Outcome:
        album = album_of(plan)
        make(plan.photos, plan.little)
        warm(make(plan.photos, album))
        samples: dict[str, list[Sample]] = {build.name: [] for build in (THIS, other)}
        for _ in range(plan.rounds):
            with _both_up(plan, other) as servers:
                for server in servers:
                    download(server.address(plan.little.name))
                    samples[server.name].append(download_sample(server, album.name))
        return _compared(f"first {album.name}", album.described(), samples, lower=[WALL, BOTH_CPU])

    return run


def _first_bytes(name: str, *, of: str = "", made: Callable[[Path, Album], Path] = make) -> Row:
    """Ask for the first byte of small files, or of what lies behind the link of their archive."""

    def run(plan: Plan, other: Build) -> Outcome:
        album = plan.thumbnails
        warm(make(plan.photos, album))
        archive = made(plan.photos, album).stem

        def sample(server: Server) -> Sample:
            rest(server.pid)
            before_s = cpu_s(server.pid)
            url = server.address(archive) + of
            times = [first_byte(url).wall_s for _ in range(_FIRST_BYTES)]
            cpu = (cpu_s(server.pid) - before_s) / _FIRST_BYTES
            return {FIRST_BYTE: min(times) * 1e3, CPU: cpu}

        lists = ("--lists-dir", str(lists_beside(plan.photos))) if made is make_list else ()
        with _both_up(plan, other, arguments=lists) as servers:
            for server in servers:
                download(server.address(archive))
            rounds = in_turn(servers, plan.rounds, sample)
        return _outcome(name, album, rounds, lower=[FIRST_BYTE, CPU])

    return run


def _requests(album_of: _Albums) -> Row:
    def run(plan: Plan, other: Build) -> Outcome:
        album = album_of(plan)
        warm(make(plan.photos, album))
        servers_core, _ = cores()

        def sample(server: Server) -> Sample:
            return requests_sample(plan, server, album, sizes[server])

        with _both_up(plan, other, servers_core) as servers:
            sizes = {server: download(server.address(album.name)).size for server in servers}
            rounds = in_turn(servers, plan.rounds, sample)
        return _outcome(album.name, album, rounds, higher=[REQUESTS, REQUESTS_PER_CPU])

    return run


def _cold(plan: Plan, other: Build) -> Outcome:
    album = plan.slow_album
    path = make(plan.photos, album)
    samples: dict[str, list[Sample]] = {name: [] for name in (THIS.name, other.name, READERS)}
    with _both_up(plan, other) as servers:
        for server in servers:
            download(server.address(album.name))
        for _ in range(plan.rounds):
            for server in servers:
                evict(path)
                wall_s = download(server.address(album.name)).wall_s
                samples[server.name].append({WALL: wall_s})
            evict(path)
            samples[READERS].append(read_at_once(path))
    return Outcome(
        "cold album",
        f"{album.described()} on the local disk, out of the page cache",
        samples,
        targets=[ratio_at_most(samples, other.name, WALL, _COLD)],
    )


def _starts(plan: Plan, other: Build) -> Outcome:
    samples: dict[str, list[Sample]] = {build.name: [] for build in (THIS, other)}
    for _ in range(plan.rounds):
        with _both_up(plan, other) as servers:
            for server in servers:
                rest(server.pid)
                memory = {IDLE_RSS: rss(server.pid) / 1e6, IDLE_PSS: pss(server.pid) / 1e6}
                samples[server.name].append({CPU: cpu_s(server.pid), **memory})
    figures = [CPU, IDLE_RSS, IDLE_PSS]
    return _compared("start", "`server.py` until it listens", samples, lower=figures)


def _save_file(plan: Plan, other: Build) -> Outcome:
    file = next(files(make(plan.photos, plan.little)))
    samples: dict[str, list[Sample]] = {build.name: [] for build in (THIS, other)}
    with tempfile.TemporaryDirectory(dir=plan.data) as directory:
        target = Path(directory, "saved")
        for _ in range(plan.rounds * _FILES_SAVED):
            for build in (THIS, other):
                samples[build.name].append(command_sample(save_command(build, file, target)))
                target.with_suffix(".zip").unlink()
    return _compared("save file", "`main.py --save` of one small file", samples, lower=[CPU])


def _saves(album_of: _Albums) -> Row:
    def run(plan: Plan, other: Build) -> Outcome:
        album = album_of(plan)
        path = make(plan.photos, album)
        warm(path)
        samples: dict[str, list[Sample]] = {build.name: [] for build in (THIS, other)}
        with tempfile.TemporaryDirectory(dir=plan.data) as directory:
            target = Path(directory, "saved")
            for _ in range(plan.rounds):
                for build in (THIS, other):
                    samples[build.name].append(command_sample(save_command(build, path, target)))
                    target.with_suffix(".zip").unlink()
        title = f"`main.py --save` of {album.described()}"
        return _compared(f"save {album.name}", title, samples, lower=[WALL, CPU])

    return run


@contextmanager
def _both_up(
    plan: Plan, other: Build, prefix: Sequence[str] = (), *, arguments: Sequence[str] = ()
) -> Iterator[Sequence[Server]]:
    with ExitStack() as stack:
        cache = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=plan.data)))
        yield [
            stack.enter_context(
                service(plan.photos, cache / build.name, build=build, arguments=arguments)
            )
            for build in (replace(each, prefix=tuple(prefix)) for each in (THIS, other))
        ]


def _outcome(
    name: str,
    album: Album,
    rounds: dict[Server, list[Sample]],
    *,
    higher: Sequence[str] = (),
    lower: Sequence[str] = (),
) -> Outcome:
    samples = {server.name: found for server, found in rounds.items()}
    return _compared(name, album.described(), samples, higher=higher, lower=lower)


def _compared(
    name: str,
    title: str,
    samples: dict[str, list[Sample]],
    *,
    higher: Sequence[str] = (),
    lower: Sequence[str] = (),
) -> Outcome:
    [other] = [each for each in samples if each != THIS.name]
    targets = [ratio_at_least(samples, other, figure, _BETTER) for figure in higher]
    targets += [ratio_at_most(samples, other, figure, _WORSE) for figure in lower]
    return Outcome(name, f"{title}, this build and another in turn", samples, targets=targets)


_ROWS: dict[str, Row] = {
    "album": _downloads(lambda plan: plan.album),
    "photographs": _downloads(lambda plan: plan.photographs),
    "thumbnails": _downloads(lambda plan: plan.thumbnails),
    "first-album": _first_downloads(lambda plan: plan.album),
    "first-photographs": _first_downloads(lambda plan: plan.photographs),
    "first-thumbnails": _first_downloads(lambda plan: plan.thumbnails),
    "first-byte": _first_bytes("first byte"),
    "listed": _first_bytes("first byte, listed", made=make_linked),
    "list": _first_bytes("first byte of a list", made=make_list),
    "manifest": _first_bytes("manifest", of="manifest.json"),
    "one-file": _first_bytes("one file of them", of="?file=day%20000/IMG_0000.JPG"),
    "parts-manifest": _first_bytes("manifest with parts", of="manifest.json?summary&parts=5"),
    "little": _requests(lambda plan: plan.little),
    "gallery": _requests(lambda plan: plan.gallery),
    "short-album": _requests(lambda plan: plan.short_album),
    "cold": _cold,
    "start": _starts,
    "save-file": _save_file,
    "save-album": _saves(lambda plan: plan.album),
    "save-thumbnails": _saves(lambda plan: plan.thumbnails),
}
_SLOW_STORAGE = {
    "slow-storage-thumbnails": slow_storage.thumbnails,
    "slow-storage-album": slow_storage.album,
    "neighbours": neighbours.neighbours,
}
ROW_NAMES = (*_ROWS, *_SLOW_STORAGE)
