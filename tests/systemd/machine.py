"""A machine with systemd: this one's own, booted again in namespaces, over a copy of its files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.conditions import eventually
from harness.server import REPOSITORY

BOOT = Path(__file__).with_name("boot.sh")
START_TIMEOUT_S = 120.0
_PROGRAMS = ("unshare", "nsenter", "setpriv", "systemctl", "useradd", "/usr/bin/python3")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Of the distribution's own programs: a Python in root's home is none that others may run."""
_NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")


class NoMachine(Exception):
    """systemd can't be booted here; the text says why."""


class Machine:
    """A booted systemd; commands run as its root.  Its network is that of this machine."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def run(self, script: str) -> str:
        """Run a script of bash; return what it prints, fail where a command of it fails."""
        done = subprocess.run(
            [
                *("nsenter", f"--target={self._pid}", *_NAMESPACES, "--root"),
                *("env", "--chdir=/", "bash", "-euo", "pipefail", "-c", script),
            ],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env={**os.environ, "PATH": _PATH},
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{self._journal()}"
        return done.stdout

    def state(self, unit: str, of: str = "ActiveState") -> str:
        """Return a property of a unit, from systemd."""
        return self.run(f"systemctl show --value --property={of} {unit}").strip()

    def _journal(self) -> str:
        """Return the last of it, for who reads of a failure."""
        journal = ["journalctl", "--no-pager", "--quiet", "--lines=30", "--unit=archive-service@*"]
        enter = ["nsenter", f"--target={self._pid}", *_NAMESPACES, "--root"]
        return subprocess.run(
            [*enter, *journal], check=False, stdout=subprocess.PIPE, text=True
        ).stdout

    def _is_running(self) -> bool:
        return "running" in self.run("systemctl is-system-running || true")


@contextmanager
def booted(directory: Path) -> Iterator[Machine]:
    """Boot systemd until the block ends; raise NoMachine where that can't be."""
    if sys.platform != "linux" or os.geteuid():
        raise NoMachine("only root can boot a systemd of its own, on Linux")
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise NoMachine(f"to boot a systemd there is no {', '.join(missing)}")
    boot = ["bash", str(BOOT), str(directory), str(REPOSITORY)]
    process = subprocess.Popen(
        ["unshare", *_NAMESPACES, "--fork", "--kill-child", *boot],
        cwd="/",
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def first_process() -> int | None:
        assert process.poll() is None, "systemd did not boot"
        pids = children.read_text().split()
        is_up = pids and Path(f"/proc/{pids[0]}/comm").read_text() == "systemd\n"
        return int(pids[0]) if is_up else None

    try:
        pid = eventually(first_process, within_s=START_TIMEOUT_S)
        machine = Machine(pid)
        eventually(machine._is_running, within_s=START_TIMEOUT_S)
        yield machine
    finally:
        process.send_signal(signal.SIGKILL)  # and so, by --kill-child, all that it holds
        process.wait()
