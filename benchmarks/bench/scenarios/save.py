"""`main.py --save` beside programs that write the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.albums import Album, checksums, make, warm
from bench.archives import check_file
from bench.builds import THIS, Build
from bench.plan import Plan
from bench.profile import Profile, of_command
from bench.results import CPU, WALL, Outcome, Sample, ratio_at_most
from bench.servers import SERVICE

_ZIP, _COPY = "zip -0 -r", "cp -r"
_COMMANDS: dict[str, Callable[[Path, Path], list[str]]] = {
    SERVICE: lambda album, target: save_command(THIS, album, target),
    _ZIP: lambda album, target: ["zip", "-0", "-q", "-r", f"{target}.zip", str(album)],
    _COPY: lambda album, target: ["cp", "-r", str(album), str(target)],
}


def album(plan: Plan) -> Outcome:
    """Save large files."""
    return _measured(plan, plan.album)


def thumbnails(plan: Plan) -> Outcome:
    """Save many small files."""
    return _measured(plan, plan.thumbnails)


def _measured(plan: Plan, album: Album) -> Outcome:
    path = make(plan.photos, album)
    warm(path)
    programs = [SERVICE, *([_ZIP] if shutil.which("zip") else []), _COPY]
    samples: dict[str, list[Sample]] = {program: [] for program in programs}
    with tempfile.TemporaryDirectory(dir=plan.data) as directory:
        for number in range(plan.rounds + 1):
            for program in programs:
                target = Path(directory, "saved")
                sample = command_sample(_COMMANDS[program](path, target))
                if number:
                    samples[program].append(sample)
                elif program != _COPY:
                    check_file(target.with_suffix(".zip"), checksums(path))
                _remove(target)
    return Outcome(
        f"save {album.name}",
        f"`main.py --save` of {album.described()}, warm cache, no archive there before",
        samples,
        targets=[
            ratio_at_most(samples, _ZIP, WALL, 1 / 3),
            ratio_at_most(samples, _COPY, WALL, 1.5),
        ],
    )


def profile(album: Callable[[Plan], Album]) -> Profile:
    """Profile `main.py --save`."""

    def run(plan: Plan) -> Sequence[str]:
        with tempfile.TemporaryDirectory(dir=plan.data) as directory:
            path = plan.photos / album(plan).name
            return of_command(plan, _COMMANDS[SERVICE](path, Path(directory, "saved")))

    return run


def save_command(build: Build, album: Path, target: Path) -> list[str]:
    """Return the command that saves an album as `target`.zip."""
    return [*build.command("main.py"), str(album), "--save", f"{target}.zip"]


def command_sample(command: list[str]) -> Sample:
    """Run a command once; raise RuntimeError where it fails."""
    os.sync()  # this run must not wait for earlier writes
    began_s = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed")
    return {WALL: wall_s, CPU: usage.ru_utime + usage.ru_stime}


def _remove(target: Path) -> None:
    target.with_suffix(".zip").unlink(missing_ok=True)
    shutil.rmtree(target, ignore_errors=True)
