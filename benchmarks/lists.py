"""Compare archives of lists with those of albums that hold the same files.

    python benchmarks/lists.py [--rounds N] [--data DIR] [--part N] [--only NAME]

A list names every file of many albums one by one; the album beside it holds hard links to the same
files, in as many directories.  Both are indexed, in the page cache, and asked for in turn, so what
differs is the service's own work.  `--part 10` makes a tenth of the files.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench.albums import KIB, MIB, Album, make, warm
from bench.downloads import download, first_byte
from bench.processes import watched
from bench.servers import Server, service

_SETTLED = ("--settle-time", "0")


@dataclass(frozen=True)
class Pair:
    """An album, and the same files as so many albums of which a list names each."""

    album: Album

    @property
    def list_name(self) -> str:
        """The name of the list."""
        return f"list-{self.album.name}"


PAIRS = (
    Pair(Album("photos", directories=40, files=10, size=5 * MIB)),
    Pair(Album("thumbnails", directories=500, files=100, size=20 * KIB)),
)


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Compare lists with albums.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--part", type=int, default=1, help="make so much fewer files")
    names = [pair.album.name for pair in PAIRS]
    parser.add_argument("--only", choices=names, nargs="+", default=names)
    parser.add_argument("--data", type=Path, help="where to keep the albums; made and removed here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = options.data or Path(directory)
        (data / "photos").mkdir(parents=True, exist_ok=True)
        (data / "lists").mkdir(exist_ok=True)
        chosen = [pair.album for pair in PAIRS if pair.album.name in options.only]
        pairs = [Pair(_part(album, options.part)) for album in chosen]
        for pair in pairs:
            _make(data, pair)
        flags = ("--lists-dir", str(data / "lists"), *_SETTLED)
        with service(data / "photos", data / "cache", arguments=flags) as server:
            for pair in pairs:
                _report(server, pair, options.rounds)
    return 0


def _part(album: Album, part: int) -> Album:
    return Album(album.name, max(album.directories // part, 1), album.files, album.size)


def _make(data: Path, pair: Pair) -> None:
    """Make an album, an album for each of its directories, and a list of their files."""
    album = make(data / "photos", pair.album)
    files = []
    for directory in sorted(album.iterdir()):
        other = data / "photos" / f"{pair.album.name}-{directory.name.replace(' ', '-')}"
        other.mkdir(exist_ok=True)
        for file in sorted(directory.iterdir()):
            if not (other / file.name).exists():
                os.link(file, other / file.name)
            path, name = f"{other.name}/{file.name}", f"{directory.name}/{file.name}"
            files.append({"path": path, "as": name})
    target = data / "lists" / f"{pair.list_name}.json"
    target.write_text(json.dumps({"files": files}), encoding="utf-8")
    warm(album)


def _report(server: Server, pair: Pair, rounds: int) -> None:
    names = (pair.album.name, pair.list_name)
    for name in names:
        download(server.address(name))  # learns the checksums
    samples: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            samples[name].append(_sample(server, name))
    print(f"\n{pair.album.described()}\n")
    print("| | album | list | list / album |\n| --- | --- | --- | --- |")
    labels = ("first byte, ms", "whole, s", "rate, MB/s", "CPU of the service, s", "manifest, ms")
    for number, label in enumerate(labels):
        album, listed = (_median(samples[name], number) for name in names)
        print(f"| {label} | {album:.3g} | {listed:.3g} | {listed / album:.2f} |", flush=True)


def _sample(server: Server, name: str) -> tuple[float, ...]:
    url = server.address(name)
    first_s = first_byte(url).wall_s
    with watched(server.pid) as usage:
        got = download(url)
    summary_s = first_byte(f"{url}manifest.json?summary").wall_s
    return first_s * 1e3, got.wall_s, got.size / got.wall_s / 1e6, usage.cpu_s, summary_s * 1e3


def _median(samples: Sequence[tuple[float, ...]], number: int) -> float:
    return statistics.median(sample[number] for sample in samples)


if __name__ == "__main__":
    sys.exit(main())
