"""A slow disk: the kernel limits the reads of a process (cgroups, as root)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.plan import CannotRun

_CGROUPS = Path("/sys/fs/cgroup")
_NAME = "archive-service-benchmark"


@contextmanager
def slow_disk(pid: int, path: Path, *, bytes_per_s: int) -> Iterator[None]:
    """Let a process read so much a second from the disk that holds a path.

    Raise CannotRun if this machine can't do that.
    """
    device = _device(path)
    try:
        group = _limited_group(device, bytes_per_s)
    except OSError as error:
        raise CannotRun(f"no disk can be held slow: {error}") from None
    home = _home_of(pid, group.parent)
    try:
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        (home / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def _limited_group(device: str, bytes_per_s: int) -> Path:
    version_1 = _CGROUPS / "blkio"
    group = (version_1 if version_1.exists() else _CGROUPS) / _NAME
    if not version_1.exists():
        (_CGROUPS / "cgroup.subtree_control").write_text("+io")
    group.mkdir(exist_ok=True)
    if version_1.exists():
        (group / "blkio.throttle.read_bps_device").write_text(f"{device} {bytes_per_s}")
    else:
        (group / "io.max").write_text(f"{device} rbps={bytes_per_s}")
    return group


def _home_of(pid: int, root: Path) -> Path:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if root == _CGROUPS or "blkio" in controllers.split(","):
            return root / path.lstrip("/")
    return root


def _device(path: Path) -> str:
    """Return the numbers of the whole disk that a file lies on, for limits are of whole disks."""
    number = path.stat().st_dev
    device = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not device.exists():
        raise CannotRun(f"{path} lies on no disk of its own")
    if (device / "partition").exists():
        device = device.resolve().parent
    return (device / "dev").read_text().strip()
