"""Storage on which every operation takes a fixed time: a small FUSE file system, compiled here."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.plan import HERE, CannotRun

_SOURCE = HERE / "peers" / "delayed_fs.c"
_THREADS = 64
"""Requests that are served at the same time."""
_MOUNT_TIMEOUT_S = 20.0
NEVER_US = 3600 * 1_000_000
"""A delay that nobody lives to see."""


@dataclass(frozen=True)
class Delayed:
    """A mount."""

    path: Path
    process: subprocess.Popen[bytes]

    def slow_down(self) -> None:
        """Begin the delays of single operations."""
        self.process.send_signal(signal.SIGUSR1)


def compiled(directory: Path) -> Path:
    """Compile the program in the directory and return it; raise CannotRun if that fails."""
    for tool in ("cc", "pkg-config", "fusermount3"):
        if not shutil.which(tool):
            raise CannotRun(f"{tool} is not installed")
    program = directory / "delayed_fs"
    flags = subprocess.run(
        ["pkg-config", "fuse3", "--cflags", "--libs"], capture_output=True, text=True, check=False
    )
    if flags.returncode:
        raise CannotRun("libfuse3-dev is not installed")
    subprocess.run(["cc", "-O2", "-o", program, _SOURCE, *flags.stdout.split()], check=True)
    return program


@contextmanager
def mounted(
    program: Path,
    source: Path,
    mountpoint: Path,
    *,
    delay_us: int,
    later_us: Mapping[str, int] | None = None,
) -> Iterator[Delayed]:
    """Show a directory with the delay for the length of a block, nothing of it cached before.

    `later_us` are the delays of single operations from `slow_down` on.  Where it is given, the
    program leaves the processor to others, as if on another machine.
    """
    mountpoint.mkdir(exist_ok=True)
    options = f"ro,default_permissions,max_threads={_THREADS},max_idle_threads={_THREADS}"
    later = [f"{operation}={delay}" for operation, delay in (later_us or {}).items()]
    prefix = [] if later_us is None else ["nice", "-n", "10"]
    process = subprocess.Popen(
        [*prefix, program, mountpoint, source, str(delay_us), *later, "-f", "-o", options],
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_until_mounted(process, mountpoint)
        yield Delayed(mountpoint, process)
    finally:
        if later:  # who waits for an operation gets an error
            process.kill()
        subprocess.run(["fusermount3", "-u", "-z", mountpoint], check=False)
        process.wait(_MOUNT_TIMEOUT_S)


def _wait_until_mounted(process: subprocess.Popen[bytes], mountpoint: Path) -> None:
    deadline_s = time.monotonic() + _MOUNT_TIMEOUT_S
    while not mountpoint.is_mount():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise CannotRun("FUSE can't mount here")
        time.sleep(0.01)
