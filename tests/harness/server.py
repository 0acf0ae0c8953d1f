"""The real server as a process of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from harness.forked import SERVE, ForkedProcess, can_fork

REPOSITORY = Path(__file__).resolve().parents[2]
SERVER = REPOSITORY / "server.py"
UNCOMPILED = {"PYTHONPATH": str(Path(__file__).with_name("uncompiled"))}
"""Variables with which a server has no compiled part."""
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 120.0


class Server:
    """A started server; what it logs is collected line by line."""

    def __init__(self, process: subprocess.Popen[str] | ForkedProcess) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        started = self.wait_for(r'server\.started.*\bport"?[=:] ?(\d+)', timeout_s=START_TIMEOUT_S)
        self.port = int(started[1])

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for(self, pattern: str, *, after: int = 0, timeout_s: float = 60.0) -> re.Match[str]:
        """Wait for a line of the log, the line `after` being the first looked at."""
        found: list[re.Match[str]] = []

        def is_there() -> bool:
            found[:] = [m for line in self.lines[after:] if (m := re.search(pattern, line))]
            return bool(found) or self._ended

        with self._news:
            self._news.wait_for(is_there, timeout_s)
        if not found:
            raise AssertionError(f"no line like {pattern!r} in:\n" + "\n".join(self.lines))
        return found[0]

    def open_files(self) -> list[str]:
        """Return what the process's descriptors stand for (Linux)."""
        return open_files(self.pid)

    def workers(self) -> list[int]:
        """Return the process ids of the workers (Linux)."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [pid for pid in map(int, children.read_text().split()) if is_alive(pid)]

    def open_below(self, directory: Path) -> list[str]:
        """Return which files below a directory are open (Linux)."""
        return [path for path in self.open_files() if path.startswith(f"{directory}/")]

    def peak_memory_bytes(self) -> int:
        """Return the most memory the process has had so far (Linux)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found, status
        return int(found[1]) * 1024

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop the server; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        finally:
            self.process.kill()
            self._reader.join(STOP_TIMEOUT_S)

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def open_files(pid: int) -> list[str]:
    """Return what a process's descriptors stand for (Linux)."""
    paths = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            paths.append(os.readlink(descriptor))
        except FileNotFoundError:
            continue
    return paths


def is_alive(pid: int) -> bool:
    """Return whether a process has not ended yet (Linux)."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment that holds no setting but those given."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")
    bare = {name: value for name, value in os.environ.items() if name in kept}
    return {**bare, "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "error", **(variables or {})}


@contextmanager
def serving(
    photos_dir: Path | None,
    cache_dir: Path,
    *flags: str,
    variables: Mapping[str, str] | None = None,
    launcher: Sequence[str] = (),
    afresh: bool = False,
    program: Path = SERVER,
) -> Iterator[Server]:
    """Run the server over a directory of albums until the block ends.

    A launcher is a command that becomes the one that follows it, as `prlimit` does.  With one,
    `afresh`, or as another `program` than this checkout's, it starts as a user starts it; otherwise
    it is forked, which is quicker.
    Albums are not waited for, as they are asked for when they are just made, nor are answers to
    links that don't exist slowed: tests ask for hundreds of them.  The tests are visitors, not the
    site, though they connect from this machine.  Nothing is indexed ahead: many
    tests look at what a first download does.
    """
    arguments = [str(program), "--host", "127.0.0.1", "--port", "0"]
    arguments += ["--settle-time", "0", "--miss-limit", "0", "--index-ahead", "off"]
    arguments += ["--site-addresses", "none"]
    arguments += ["--cache-dir", str(cache_dir), *flags]
    if photos_dir is not None:
        arguments += ["--photos-dir", str(photos_dir)]
    is_forked = program == SERVER and not (launcher or afresh) and can_fork(variables or {})
    start = _forked if is_forked else partial(_started, launcher)
    process = start(arguments, cache_dir, environment(variables))
    try:
        server = Server(process)
    except BaseException:
        process.kill()
        process.wait()
        raise
    try:
        yield server
    finally:
        server.stop()


def _forked(arguments: Sequence[str], cwd: Path, variables: Mapping[str, str]) -> ForkedProcess:
    return ForkedProcess(SERVE, arguments, cwd=cwd, variables=variables)


def _started(
    launcher: Sequence[str],
    arguments: Sequence[str],
    cwd: Path,  # holds no .env
    variables: Mapping[str, str],
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*launcher, sys.executable, *arguments],
        cwd=cwd,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,  # a group of its own, for signals as of Ctrl-C
    )
