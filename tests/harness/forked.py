"""Servers and commands forked from a process that has imported the program already (Linux).

Most of what a process costs that runs for one test is the start of the interpreter and the imports.
Here they are done once for each process of tests; what follows is the same: the command's `main`,
in a process of its own that ends as any other.
"""

from __future__ import annotations

import atexit
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
from importlib import import_module
from pathlib import Path
from select import select
from tempfile import TemporaryFile
from threading import Timer

SERVE = "archive_service.cli.serve"
SUBCOMMANDS = "archive_service.cli.subcommands"
_RUN_BY_IT = tuple(f"archive_service.cli.{name}" for name in ("check", "index", "link", "list"))
_MESSAGE_BYTES = 1 << 16
_OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG", "LD_", "TZ")
"""How variables begin that a process reads as it starts, or as it imports."""


def can_fork(variables: Mapping[str, str]) -> bool:
    """Return whether a process with these variables is the same when it is forked."""
    return sys.platform == "linux" and not any(
        name.startswith(_OF_THE_INTERPRETER) for name in variables
    )


class ForkedProcess:
    """A process with the part of the interface of `subprocess.Popen` that tests use.

    It runs the `main` of a module with `arguments`, the first of which is the program's name.
    """

    def __init__(
        self,
        main: str,
        arguments: Sequence[str],
        *,
        cwd: Path,
        variables: Mapping[str, str],
        stdout: int = 1,
    ) -> None:
        reading, writing = os.pipe()
        ours, theirs = socket.socketpair()
        with theirs:
            order = json.dumps([main, list(arguments), str(cwd), dict(variables)]).encode()
            socket.send_fds(_template(), [order], [theirs.fileno(), stdout, writing])
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


def run_forked(
    arguments: Sequence[str], cwd: Path, variables: Mapping[str, str], *, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run `archive-service` with these arguments; return what it printed, and its exit status."""
    with TemporaryFile("w+", encoding="utf-8") as stdout:
        process = ForkedProcess(
            SUBCOMMANDS,
            ["archive-service", *arguments],
            cwd=cwd,
            variables=variables,
            stdout=stdout.fileno(),
        )
        killing = Timer(timeout_s, process.kill)
        killing.start()
        try:
            with process.stderr:
                stderr = process.stderr.read()
            status = process.wait(timeout_s)
        finally:
            killing.cancel()
            process.kill()
        stdout.seek(0)
        return subprocess.CompletedProcess(arguments, status, stdout.read(), stderr)


@cache
def _template() -> socket.socket:
    """Start the process that forks; it ends when its last client has ended."""
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
    atexit.register(ours.close)
    return ours


def _fork_as_told(control: socket.socket) -> str:
    """Fork a process for each order; return in it, with the module whose `main` it is to run."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no process waits for the keepers
    while True:
        order, descriptors, _, _ = socket.recv_fds(control, _MESSAGE_BYTES, 3)
        if not order:
            sys.exit()
        if not os.fork():
            control.close()
            return _keep(order, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _keep(order: bytes, told: int, stdout: int, stderr: int) -> str:
    """Fork the process, in which this returns; report its process id, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if not pid:
        os.close(told)
        return _become(*json.loads(order), stdout, stderr)
    os.close(stdout)
    os.close(stderr)
    os.write(told, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(
    main: str, arguments: list[str], cwd: str, variables: dict[str, str], stdout: int, stderr: int
) -> str:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    for given, number in ((stdout, 1), (stderr, 2)):
        os.dup2(given, number)
        os.close(given)
    sys.argv = arguments
    return main


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])  # as server.py has it
    for each in (SERVE, SUBCOMMANDS, *_RUN_BY_IT):
        import_module(each)
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as line:
        chosen = _fork_as_told(line)
    sys.exit(import_module(chosen).main())
