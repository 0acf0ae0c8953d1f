"""The results of scenarios, as values that can be written as JSON and read again."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

RATE, REQUESTS = "MB/s", "requests/s"
FIRST_BYTE = "first byte, ms"
SERVER_CPU, BOTH_CPU = "CPU-s/GB, server", "CPU-s/GB, server and client"
PEAK_RSS, IDLE_RSS, IDLE_PSS = "peak RSS, MB", "idle RSS, MB", "idle PSS, MB"
REQUESTS_PER_CPU = "requests/CPU-s, server and client"
WALL, CPU = "s", "CPU-s"

Sample = Mapping[str, float]
"""Figures of one round, each under its name and unit."""
Samples = Mapping[str, Sequence[Sample]]
"""The rounds of each server, by name."""


@dataclass(frozen=True)
class Target:
    """A target, and whether it was reached."""

    what: str
    measured: str
    is_reached: bool | None
    """None where it could not be measured."""


def at_most(what: str, measured: float, limit: float, unit: str = "") -> Target:
    """Return the target that a figure is at most its limit."""
    return Target(f"{what} ≤ {shown(limit)}{unit}", f"{shown(measured)}{unit}", measured <= limit)


def ratio_at_least(
    samples: Samples, other: str | None, by: str, limit: float, *, ours: str = "service"
) -> Target:
    """Return the target that ours has at least `limit` times another's figure."""
    what = f"{by} ≥ {shown(limit)} × {other or 'that of a peer'}"
    if other is None or other not in samples:
        return Target(what, "the peer is absent", None)
    measured = ratio(samples[ours], samples[other], by)
    return Target(what, str(measured), measured.median >= limit)


def ratio_at_most(
    samples: Samples, other: str, by: str, limit: float, *, ours: str = "service"
) -> Target:
    """Return the target that ours has at most `limit` times another's figure."""
    what = f"{by} ≤ {shown(limit)} × {other}"
    if other not in samples:
        return Target(what, "the peer is absent", None)
    measured = ratio(samples[ours], samples[other], by)
    return Target(what, str(measured), measured.median <= limit)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a scenario."""

    name: str
    title: str
    samples: Samples = field(default_factory=dict)
    ours: str = "service"
    """The name of what the others are compared with; empty where nothing is."""
    targets: Sequence[Target] = ()
    notes: Sequence[str] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    """Peers that could not take part, and why."""
    profile: Sequence[str] = ()
    """Where the time goes, where a target is not reached."""
    not_run: str = ""
    """Why it could not be run; empty where it was."""

    @property
    def is_short_of_a_target(self) -> bool:
        """Whether something was measured and not reached."""
        return any(target.is_reached is False for target in self.targets)


@dataclass(frozen=True)
class Report:
    """A whole run."""

    machine: Sequence[str]
    outcomes: Sequence[Outcome]

    def save(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def load(path: Path) -> Report:
    """Read a report from JSON."""
    values = json.loads(path.read_text())
    outcomes = [
        Outcome(**{**outcome, "targets": [Target(**target) for target in outcome["targets"]]})
        for outcome in values["outcomes"]
    ]
    return Report(values["machine"], outcomes)


@dataclass(frozen=True)
class Spread:
    """Several values of one figure."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        if self.least == self.most:
            return shown(self.median)
        return f"{shown(self.median)} ({shown(self.least)}-{shown(self.most)})"


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and most."""
    return Spread(statistics.median(values), min(values), max(values))


def figure(samples: Sequence[Sample], name: str) -> Spread:
    """Return one figure of a server over the rounds."""
    return spread([sample[name] for sample in samples])


def ratio(ours: Sequence[Sample], theirs: Sequence[Sample], name: str) -> Spread:
    """Return how many times theirs is ours, round by round."""
    return spread([a[name] / b[name] for a, b in zip(ours, theirs, strict=True) if b[name]] or [0])


def fastest(samples: Samples, names: Sequence[str], by: str) -> str | None:
    """Return the named server with the highest figure."""
    present = [name for name in names if name in samples]
    return max(present, key=lambda name: figure(samples[name], by).median, default=None)


def shown(value: float) -> str:
    """Return a figure with a sensible number of digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
