"""Where the server under test sees the albums of a soak: as they are, or through mounts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

_MOST_MOUNTS = 200


class View(Protocol):
    """A view of a directory."""

    path: Path

    def renew(self) -> bool:
        """Make it anew above the old one, which only open files then have; return whether it is."""


class Unmounted:
    """The directory itself."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def renew(self) -> bool:
        return False


class BindMounts:
    """Mounts of the directory, one above the other."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.path = directory.with_name("mounted")
        self.path.mkdir()
        self._directory = directory
        self._stack = stack
        self._made = 0

    def renew(self) -> bool:
        if self._made >= _MOST_MOUNTS:
            return False
        done = _run(["mount", "--bind", str(self._directory), str(self.path)])
        if done.returncode == 0:
            self._made += 1
            self._stack.callback(_run, ["umount", "-l", str(self.path)])
        return done.returncode == 0


@contextmanager
def view_of(directory: Path) -> Iterator[View]:
    """Give a view through mounts, or the directory itself where this user may not mount."""
    with ExitStack() as stack:
        mounts = BindMounts(directory, stack)
        yield mounts if mounts.renew() else Unmounted(directory)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, check=False, capture_output=True)
