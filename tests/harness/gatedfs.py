"""A directory mounted once more through FUSE, where requests can be held or made to fail.

So a test stops the server in the middle of a system call, for as long as it needs, and a disk
that fails is one for the whole system: nothing of the service is patched.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from harness.conditions import eventually

_PROGRAM = Path(__file__).with_name("gatedfs_process.py")
_TIMEOUT_S = 120.0


class GatedFs:
    """The controls of a mounted directory; paths are relative to it."""

    def __init__(self, process: subprocess.Popen[str], root: Path) -> None:
        self.root = root
        self._process = process
        self._words = {"held": queue.Queue[str](), "obeyed": queue.Queue[str]()}
        threading.Thread(target=self._read, daemon=True).start()

    def hold(self, operation: str, path: str, *, at: int = 0) -> None:
        """Let the next requests of a kind (see the program) wait at a gate."""
        self._order(f"hold {operation} {at} {path}")

    def wait_held(self) -> None:
        """Wait until a request has come to the gate."""
        self._words["held"].get(timeout=_TIMEOUT_S)

    def is_another_held(self) -> bool:
        """Return whether a request has come to the gate that was not waited for."""
        return not self._words["held"].empty()

    def fail(self, operation: str, path: str, error: int, *, at: int = 0) -> None:
        """Let requests of a kind fail with an errno from now on."""
        self._order(f"fail {operation} {at} {error} {path}")

    def show(self, field: str, value: int, path: str) -> None:
        """Set a value that `stat` returns for a file, such as a time in nanoseconds."""
        self._order(f"show {field} {value} {path}")

    def renumber(self, number: int) -> None:
        """Be like sshfs, which has no ctime, after the kernel has dropped all names."""
        self._order(f"renumber {number}")

    def delay(self, seconds: float) -> None:
        """Let each request take so long from now on."""
        self._order(f"delay {seconds}")

    def unmount(self) -> None:
        """Leave an empty directory, as sshfs does when its connection ends."""
        subprocess.run(["umount", "-l", str(self.root)], check=True)

    def clear(self) -> None:
        """Open all gates and end all errors."""
        self._order("clear")
        while not self._words["held"].empty():
            self._words["held"].get()

    def _order(self, command: str) -> None:
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{command}\n")
            self._process.stdin.flush()
            self._words["obeyed"].get(timeout=_TIMEOUT_S)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._words[line.strip()].put(line)
        for words in self._words.values():  # it ends once it is unmounted
            words.put("")


@contextmanager
def gated(directory: Path, mount_point: Path, *, cached_s: float = 0) -> Iterator[GatedFs]:
    """Mount a directory at another place until the block ends; skip where FUSE does not work.

    For `cached_s` the kernel uses its cached answer about a name.
    """
    need_fuse()
    mount_point.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, str(_PROGRAM), str(directory), str(mount_point), str(cached_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        eventually(lambda: os.path.ismount(mount_point) or process.poll() is not None)
        if process.poll() is not None:
            pytest.skip("a FUSE file system can't be mounted here")
        yield GatedFs(process, mount_point)
    finally:
        # Ending it frees calls that still wait in it; nothing else could.
        process.kill()
        process.communicate()
        subprocess.run(["umount", "-l", str(mount_point)], stderr=subprocess.DEVNULL, check=False)


@contextmanager
def opened_at_the_end(gates: GatedFs) -> Iterator[None]:
    """Open all gates when the block ends: the kernel ends no process with a call that waits."""
    try:
        yield
    finally:
        gates.clear()


def need_fuse() -> None:
    """Skip the test where there is no FUSE."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("there is no /dev/fuse that this user may use")
    try:
        import mfusepy  # noqa: F401, PLC0415 - loads libfuse, which may be missing
    except (ImportError, OSError):
        pytest.skip("libfuse is not installed")
