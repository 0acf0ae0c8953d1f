"""The system calls of a running process, by strace."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_TIMEOUT_S = 120.0
_CALL = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)")
_UNFINISHED = re.compile(r"(\d+) +(\w+\(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)$")


@dataclass(frozen=True)
class Call:
    """One system call: `arguments` as strace prints them, descriptors with their paths."""

    thread: int
    name: str
    arguments: str
    result: int


@dataclass(frozen=True)
class Trace:
    """The calls of a traced block, as far as strace has written them down.

    A call whose effect shows may not be among them yet.  If the block ends then, it never is.
    """

    output: Path

    @property
    def calls(self) -> list[Call]:
        return list(_calls(self.output.read_text(errors="replace").splitlines()))

    def of(self, path: Path) -> list[Call]:
        """Return the calls with a descriptor of a file."""
        return [call for call in self.calls if f"<{path}>" in call.arguments]


@contextmanager
def traced(pid: int, output: Path, *names: str) -> Iterator[Trace]:
    """Trace all threads of a process; skip the test where that is not possible."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    command = ["strace", "-f", "-y", "-s", "0", "-e", f"trace={','.join(names)}"]
    process = subprocess.Popen(
        [*command, "-p", f"{pid}", "-o", str(output)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as stderr:
        said = stderr.readline()
        if "attached" not in said:
            process.kill()
            process.wait(_TIMEOUT_S)
            pytest.skip(f"strace can't trace: {said.strip()}")
        try:
            yield Trace(output)
        finally:
            process.send_signal(signal.SIGINT)
            stderr.read()
            process.wait(_TIMEOUT_S)


def _calls(lines: list[str]) -> Iterator[Call]:
    begun: dict[str, str] = {}
    for line in lines:
        if unfinished := _UNFINISHED.match(line):
            begun[unfinished[1]] = unfinished[2]
            continue
        resumed = _RESUMED.match(line)
        whole = f"{resumed[1]} {begun.pop(resumed[1], '')}{resumed[2]}" if resumed else line
        if call := _CALL.match(whole):
            yield Call(int(call[1]), call[2], call[3], int(call[4]))
