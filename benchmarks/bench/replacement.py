"""What takes an optimisation out of the package: texts, and what stands in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Replacement:
    """A text that a file has once, and what stands in its place."""

    path: str
    """Within the package."""
    old: str
    new: str


@dataclass(frozen=True)
class Optimisation:
    """Something that is done for speed alone."""

    summary: str
    scenarios: Sequence[str]
    """Those of `run.py --against` that it is for."""
    replacements: Sequence[Replacement]
