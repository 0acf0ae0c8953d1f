"""What shows a program another time of the day (libfaketime); files keep their own times.

Not by the command `faketime`, which would stay as the parent that signals go to.
"""

from __future__ import annotations

from pathlib import Path

from harness.readers import go_without


def clock_ahead(seconds: int) -> dict[str, str]:
    """Return the variables of a program whose clock is ahead, or behind."""
    return _shown(FAKETIME=f"{seconds:+d}s") if seconds else {}


def clock_stopped(at_s: int) -> dict[str, str]:
    """Return the variables of a program whose clock stands at a Unix second."""
    return _shown(FAKETIME=f"{at_s}", FAKETIME_FMT="%s")


def _shown(**variables: str) -> dict[str, str]:
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        go_without("faketime is not installed")
    return {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
        **variables,
    }
