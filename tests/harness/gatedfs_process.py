"""A FUSE file system that shows a directory, holds requests at gates and lets them fail.

Run as a process: `gatedfs_process.py DIRECTORY MOUNT_POINT SECONDS`.  It takes commands on
standard input, one a line, and tells of itself on standard output:

    hold OPERATION OFFSET PATH         answered by "held" once a request has come to the gate
    fail OPERATION OFFSET ERRNO PATH   any such request from now on gets the error
    show FIELD VALUE PATH              a field of `stat` is told to have a value from now on
    renumber NUMBER                    other inode numbers from now on, and each ctime is the mtime
    delay SECONDS                      any request from now on takes so long
    clear                              no gate, no error; what is held goes on

Operations are list, stat, open, read, close and statfs; a path is relative to the root, a read is
one that touches the offset, a close waits for its answer.  Names are cached for the seconds, data
until a file is opened again.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from mfusepy import FUSE, Operations

_FIELDS = ("st_mode", "st_ino", "st_nlink", "st_uid", "st_gid", "st_size")
_TIMES = ("st_atime", "st_mtime", "st_ctime")


@dataclass
class Gate:
    """What happens to a request that comes to it."""

    operation: str
    path: str
    offset: int
    error: int = 0
    """0: it is held."""
    opened: threading.Event = field(default_factory=threading.Event)

    def concerns(self, operation: str, path: str, span: range) -> bool:
        return (operation, path) == (self.operation, self.path) and self.offset in span


class GatedFs(Operations):
    """The directory behind gates."""

    use_ns = True

    def __init__(self, root: str) -> None:
        self._root = root
        self._gates: list[Gate] = []
        self._delay_s = 0.0
        self._shown: dict[str, dict[str, int]] = {}
        self._numbered = 0

    def obey(self, command: str) -> None:
        name, *rest = command.rstrip("\n").split(" ", 1)
        if name == "hold":
            operation, offset, path = rest[0].split(" ", 2)
            self._gates.append(Gate(operation, path, int(offset)))
        elif name == "fail":
            operation, offset, error, path = rest[0].split(" ", 3)
            self._gates.append(Gate(operation, path, int(offset), int(error)))
        elif name == "show":
            field_name, value, path = rest[0].split(" ", 2)
            self._shown.setdefault("/" + path.lstrip("/"), {})[field_name] = int(value)
        elif name == "renumber":
            self._numbered = int(rest[0])
        elif name == "delay":
            self._delay_s = float(rest[0])
        elif name == "clear":
            gates, self._gates = self._gates, []
            for gate in gates:
                gate.opened.set()
        tell("obeyed")

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        self._pass("stat", path)
        # By path even where it is open, as a network file system does: there may be nothing now.
        status = os.lstat(self._below(path))
        fields = {name: getattr(status, name) for name in _FIELDS}
        times = {name: getattr(status, f"{name}_ns") for name in _TIMES}
        if self._numbered:
            fields["st_ino"] += self._numbered
            times["st_ctime"] = times["st_mtime"]
        return {**fields, **times, **self._shown.get(path, {})}

    def readdir(self, path: str, fh: int) -> Iterator[tuple[str, dict[str, int], int]]:
        self._pass("list", path)
        with os.scandir(self._below(path)) as children:
            # The C library passes over what has no inode number.
            yield from ((child.name, {"st_ino": child.inode()}, 0) for child in list(children))

    def open(self, path: str, flags: int) -> int:
        self._pass("open", path)
        return os.open(self._below(path), os.O_RDONLY)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._pass("read", path, range(offset, offset + size))
        return os.pread(fh, size, offset)

    def flush(self, path: str, fh: int) -> int:
        self._pass("close", path)
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        self._pass("statfs", path)
        return {}

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def _below(self, path: str) -> str:
        return self._root + path

    def _pass(self, operation: str, path: str, span: range = range(1)) -> None:
        time.sleep(self._delay_s)
        for gate in self._gates:
            if gate.concerns(operation, path.lstrip("/"), span):
                if gate.error:
                    raise OSError(gate.error, "as ordered")
                tell("held")
                gate.opened.wait()
                return


def tell(word: str) -> None:
    os.write(1, f"{word}\n".encode())  # in one piece: others tell at the same time


def obey_standard_input(file_system: GatedFs) -> None:
    for command in sys.stdin:
        file_system.obey(command)


if __name__ == "__main__":
    directory, mount_point, cached_s = sys.argv[1:]
    gated = GatedFs(directory)
    threading.Thread(target=obey_standard_input, args=[gated], daemon=True).start()
    FUSE(
        gated,
        mount_point,
        foreground=True,
        ro=True,
        use_ino=True,
        attr_timeout=float(cached_s),
        entry_timeout=float(cached_s),
        negative_timeout=0,
        hard_remove=True,
    )
