"""Storage that takes 2 ms an operation, nothing cached: a network file system, a cold disk."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.albums import Album, files, make
from bench.builds import THIS, Build, other_build
from bench.delayed import compiled, mounted
from bench.downloads import Client
from bench.plan import Plan
from bench.results import FIRST_BYTE, WALL, Outcome, Sample, Samples, Target, ratio_at_most
from bench.scenarios.save import command_sample, save_command
from bench.servers import service

_DELAY_US = 2000
_READERS = 32
_READ_BYTES = 1 << 20
_ZIP, READERS = "zip -0 -r", f"{_READERS} readers at once"
_Way = Callable[[Path], Sample]
"""Takes the album on the mount."""


@dataclass(frozen=True)
class _Scene:
    """The album, and where it is shown."""

    plan: Plan
    album: Album
    program: Path
    directory: Path

    def sample(self, way: _Way) -> Sample:
        """Measure a way on a mount of its own, with nothing cached."""
        mountpoint = self.directory / "mount"
        with mounted(self.program, self.plan.photos, mountpoint, delay_us=_DELAY_US) as mount:
            return way(mount.path / self.album.name)


def thumbnails(plan: Plan) -> Outcome:
    """Download many small files."""
    return _measured(plan, plan.slow_thumbnails, first_byte=0.1, whole=0.1, save=0.1)


def album(plan: Plan) -> Outcome:
    """Download large files."""
    return _measured(plan, plan.slow_album, first_byte=1.0, whole=0.25, save=0.25)


def _measured(plan: Plan, album: Album, *, first_byte: float, whole: float, save: float) -> Outcome:
    make(plan.photos, album)
    make(plan.photos, plan.little)
    with tempfile.TemporaryDirectory(dir=plan.data) as directory:
        scene = _Scene(plan, album, compiled(Path(directory)), Path(directory))
        other = other_build(plan.against) if plan.against else None
        ways = _ways(scene, [THIS, *([other] if other else [])])
        samples: dict[str, list[Sample]] = {name: [] for name in ways}
        for _ in range(plan.rounds):
            for name, way in ways.items():
                samples[name].append(scene.sample(way))
    indexed, first, saved = (_name(THIS, what) for what in _WHAT)
    targets = [ratio_at_most(samples, indexed, WALL, 1.3, ours=first)]
    if other:
        before, _, saved_before = (_name(other, what) for what in _WHAT)
        targets += [
            ratio_at_most(samples, before, FIRST_BYTE, first_byte, ours=indexed),
            ratio_at_most(samples, before, WALL, whole, ours=indexed),
            ratio_at_most(samples, saved_before, WALL, save, ours=saved),
        ]
    targets.append(_beside_peer(samples, album, indexed))
    return Outcome(
        f"slow storage, {album.name.removeprefix('slow-')}",
        f"{album.described()} on storage of {_DELAY_US // 1000} ms an operation, nothing cached",
        samples,
        ours=indexed,
        targets=targets,
    )


_WHAT = ("indexed", "first ever", "main.py --save")


def _name(build: Build, what: str) -> str:
    return f"{build.name}, {what}"


def _beside_peer(samples: Samples, album: Album, indexed: str) -> Target:
    if album.directories > 1:
        return ratio_at_most(samples, _ZIP, WALL, 1 / 20, ours=indexed)
    return ratio_at_most(samples, READERS, WALL, 1.2, ours=indexed)


def _ways(scene: _Scene, builds: list[Build]) -> dict[str, _Way]:
    ways: dict[str, _Way] = {}
    for build in builds:
        cache = scene.directory / f"index of {build.name}"
        indexed, first, saved = (_name(build, what) for what in _WHAT)
        # In this order: the first download in a round fills the index for the second.
        little = scene.plan.little.name
        ways[first] = partial(_first, build, cache=cache, little=little)
        ways[indexed] = partial(_download, build, cache=cache, little=little)
        ways[saved] = lambda path, build=build: _save(scene, build, path)
    if shutil.which("zip"):
        ways[_ZIP] = lambda path: _zip(scene, path)
    ways[READERS] = read_at_once
    return ways


def _first(build: Build, path: Path, *, cache: Path, little: str) -> Sample:
    shutil.rmtree(cache, ignore_errors=True)
    return _download(build, path, cache=cache, little=little)


def _download(build: Build, path: Path, *, cache: Path, little: str) -> Sample:
    with service(path.parent, cache, build=build) as server:
        # Its first answer loads parts of the program: half a second that is not the storage's.
        Client(server.address(little)).finish()
        got = Client(server.address(path.name)).finish()
        return {WALL: got.wall_s, FIRST_BYTE: got.first_byte_s * 1e3}


def _save(scene: _Scene, build: Build, path: Path) -> Sample:
    target = scene.directory / "saved"
    sample = command_sample(save_command(build, path, target))
    target.with_suffix(".zip").unlink()
    return {WALL: sample[WALL]}


def _zip(scene: _Scene, path: Path) -> Sample:
    target = scene.directory / "zipped.zip"
    sample = command_sample(["zip", "-0", "-q", "-r", str(target), str(path)])
    target.unlink()
    return {WALL: sample[WALL]}


def read_at_once(path: Path) -> Sample:
    """Read an album by many threads, and do nothing with it: the most that storage gives."""
    began_s = time.perf_counter()
    with ThreadPoolExecutor(_READERS) as pool:
        for _ in pool.map(_read_file, files(path)):
            pass
    return {WALL: time.perf_counter() - began_s}


def _read_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        while os.read(descriptor, _READ_BYTES):
            pass
    finally:
        os.close(descriptor)
