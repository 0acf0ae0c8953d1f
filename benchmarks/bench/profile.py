"""Profiles the service's CPU time with py-spy, for scenarios that miss their target."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.albums import Album
from bench.downloads import download
from bench.plan import Plan
from bench.servers import SERVICE, Server, service, started

Profile = Callable[[Plan], Sequence[str]]
"""Returns lines, the most expensive first."""
_RATE_PER_S = 250
_AT_LEAST_S = 2.0
_ATTACHING_S = 0.5
_SHOWN = 10
_WAITING = (
    "_worker (concurrent/futures/thread.py)",
    "Condition.wait (threading.py)",
    "EpollSelector.select (selectors.py)",
)
"""Functions that wait for work, which py-spy sometimes counts as work."""
_LINE_NUMBER = re.compile(r":\d+\)$")


def of_downloads(album: Callable[[Plan], Album]) -> Profile:
    """Profile downloads of an indexed album, one after the other."""

    def profile(plan: Plan) -> Sequence[str]:
        with started(plan, [SERVICE]) as peers:
            server = peers[SERVICE]
            url = server.address(album(plan).name)
            download(url)
            return while_working(plan, server, lambda: download(url))

    return profile


def of_first_download(album: Callable[[Plan], Album]) -> Profile:
    """Profile one download with an empty index."""

    def profile(plan: Plan) -> Sequence[str]:
        with (
            tempfile.TemporaryDirectory(dir=plan.data) as cache,
            service(plan.photos, Path(cache)) as server,
        ):
            return while_working(plan, server, lambda: download(server.address(album(plan).name)))

    return profile


def no_profile(plan: Plan) -> Sequence[str]:
    """Return nothing: the time goes into waiting."""
    return []


def while_working(plan: Plan, server: Server, work: Callable[[], object]) -> Sequence[str]:
    """Profile a server while work is done with it, again and again for two seconds."""
    with tempfile.NamedTemporaryFile(dir=plan.data) as file:
        command = [*_record(plan, file.name), "--pid", str(server.pid)]
        try:
            recording = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            return [f"no profile: {error}"]
        time.sleep(_ATTACHING_S)
        until_s = time.monotonic() + _AT_LEAST_S
        while time.monotonic() < until_s:
            work()
        recording.send_signal(signal.SIGINT)
        recording.wait()
        return _summary(Path(file.name))


def of_command(plan: Plan, command: Sequence[str]) -> Sequence[str]:
    """Profile a Python program from its start to its end."""
    with tempfile.NamedTemporaryFile(dir=plan.data) as file:
        try:
            subprocess.run(
                [*_record(plan, file.name), "--", *command], check=False, capture_output=True
            )
        except OSError as error:
            return [f"no profile: {error}"]
        return _summary(Path(file.name))


def _record(plan: Plan, output: str) -> list[str]:
    py_spy = Path(plan.python).with_name("py-spy")
    rate = str(_RATE_PER_S)
    return [str(py_spy), "record", "--format", "raw", "--rate", rate, "--output", output]


def _summary(recorded: Path) -> Sequence[str]:
    """Count the innermost functions of "outer;inner count" lines."""
    counts: Counter[str] = Counter()
    for line in recorded.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        innermost = _LINE_NUMBER.sub(")", stack.rpartition(";")[2])
        if innermost and innermost not in _WAITING:
            counts[innermost] += int(count)
    total = counts.total()
    if not total:
        return ["no profile: py-spy saw nothing; it may need root"]
    return [f"{count / total:.0%} {name}" for name, count in counts.most_common(_SHOWN)]
