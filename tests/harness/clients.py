"""Download programs, run for real."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.readers import need
from harness.server import environment

TIMEOUT_S = 240.0


def run_client(command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a client to its end, in a directory; its output is one text."""
    with started_client(command, cwd) as process:
        output, _ = process.communicate(timeout=TIMEOUT_S)
    return subprocess.CompletedProcess(command, process.returncode, output)


@contextmanager
def started_client(command: Sequence[str], cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a client until the block ends."""
    need(command[0])
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment({"HOME": str(cwd)}),  # holds no configuration
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
