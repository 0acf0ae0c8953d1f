"""The command `archive-service` as an operator runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.forked import can_fork, run_forked
from harness.server import REPOSITORY, environment

_TIMEOUT_S = 120.0


def run_command(
    arguments: Sequence[str],
    cwd: Path,
    *,
    variables: Mapping[str, str] | None = None,
    launcher: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run it; return what it printed, and its exit status.

    A launcher is a command that becomes the one that follows it.  With one it starts as an operator
    starts it; otherwise it is forked, which is quicker.
    """
    given = variables or {}
    if not launcher and can_fork(given):
        return run_forked(arguments, cwd, environment(given), timeout_s=_TIMEOUT_S)
    return subprocess.run(
        [*launcher, sys.executable, "-m", "archive_service", *arguments],
        cwd=cwd,
        env=environment({"PYTHONPATH": str(REPOSITORY), **given}),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=_TIMEOUT_S,
        check=False,
    )
