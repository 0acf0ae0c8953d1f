"""Servers forked from a process that has imported the program already (Linux).

Most of what a server costs that runs for one test is the start of the interpreter and the imports.
Here they are done once for each process of tests; what follows is the same: the command's `main`,
in a process of its own that ends as any other.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from select import select

_MESSAGE_BYTES = 1 << 16
_OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG", "LD_", "TZ")
"""How variables begin that a process reads as it starts, or as it imports."""


def can_fork(variables: Mapping[str, str]) -> bool:
    """Tell whether a server with these variables is the same when it is forked."""
    return sys.platform == "linux" and not any(
        name.startswith(_OF_THE_INTERPRETER) for name in variables
    )


class ForkedProcess:
    """A process as `subprocess.Popen` shows it, as far as tests look."""

    def __init__(self, arguments: Sequence[str], cwd: Path, variables: Mapping[str, str]) -> None:
        reading, writing = os.pipe()
        ours, theirs = socket.socketpair()
        with theirs:
            order = json.dumps([list(arguments), str(cwd), dict(variables)]).encode()
            socket.send_fds(_template(), [order], [writing, theirs.fileno()])
        os.close(writing)
        self.stderr = os.fdopen(reading, encoding="utf-8")
        self._told = ours.makefile("r")
        self._ours = ours
        self.pid = int(self._told.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status of a process that has ended."""
        return self._ended_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; return the exit status."""
        status = self._ended_within(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal to a process that has not ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # ended since
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process, if it has not ended."""
        self.send_signal(signal.SIGKILL)

    def _ended_within(self, timeout: float | None) -> int | None:
        if self.returncode is None and select([self._ours], [], [], timeout)[0]:
            self.returncode = int(self._told.readline())
            self._told.close()
            self._ours.close()
        return self.returncode


@cache
def _template() -> socket.socket:
    """Start the process that forks; it ends when nobody is left to ask it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bare = {"LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "error"}
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    command = [sys.executable, __file__, str(theirs.fileno())]
    with theirs:
        subprocess.Popen(
            command,
            env={**kept, **bare},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        ).returncode = 0  # never waited for, which is no leak
    return ours


def _fork_as_told(control: socket.socket) -> None:
    """Fork a server for each order; return in the servers and when there is no more to come."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the keepers are waited for by nobody
    while True:
        order, descriptors, _, _ = socket.recv_fds(control, _MESSAGE_BYTES, 2)
        if not order:
            sys.exit()
        if not os.fork():
            control.close()
            return _keep(order, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _keep(order: bytes, stderr: int, told: int) -> None:
    """Fork the server, in which this returns; tell its process id, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if not pid:
        os.close(told)
        return _become(*json.loads(order), stderr)
    os.close(stderr)
    os.write(told, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(arguments: list[str], cwd: str, variables: dict[str, str], stderr: int) -> None:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    os.dup2(stderr, 2)
    os.close(stderr)
    sys.argv = arguments


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])  # as server.py has it
    from archive_service.cli.serve import main

    gc.freeze()
    _fork_as_told(socket.socket(fileno=int(sys.argv[1])))
    sys.exit(main())
