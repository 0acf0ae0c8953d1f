"""Podman by the socket at which it speaks as Docker does, so that `docker compose` works with it.

Its containers, images and networks lie in a directory of their own and end with the block.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from containers.engine import (
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    Engine,
    NoEngine,
    answers,
    import_base_image,
    last_line,
    network_restored,
    with_plugins,
)
from harness.conditions import eventually

_PROGRAMS = ("docker", "podman", "conmon", "runc", "debootstrap", "iptables-save", "ip", "umount")
_NETAVARK = "/usr/lib/podman/netavark"


@contextmanager
def podman_for_tests() -> Iterator[Engine]:
    """Have Podman for a block; raise NoEngine where that can't be."""
    if os.geteuid():
        raise NoEngine("only root can start Podman as the tests need it")
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    missing += [] if Path(_NETAVARK).exists() else ["netavark"]
    if missing:
        raise NoEngine(f"for Podman there is no {', '.join(missing)}")
    with (
        tempfile.TemporaryDirectory(prefix="podman-", ignore_cleanup_errors=True) as directory,
        network_restored(),
        _service(Path(directory)) as engine,
    ):
        import_base_image(engine)
        yield engine


def _configured(directory: Path) -> dict[str, str]:
    """Write down where Podman keeps what it has; return the variables that name these files."""
    containers, storage = directory / "containers.conf", directory / "storage.conf"
    containers.write_text(
        # Its own defaults may be more than this machine lets anybody have.
        '[containers]\ndefault_ulimits = ["nofile=8192:8192", "nproc=8192:8192"]\n'
        f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "{directory}/networks"\n'
        '[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\nevents_logger = "file"\n'
        f'helper_binaries_dir = ["{Path(_NETAVARK).parent}"]\n'
    )
    storage.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{directory}/graph"\n'
        f'runroot = "{directory}/run"\n'
    )
    return {"CONTAINERS_CONF": str(containers), "CONTAINERS_STORAGE_CONF": str(storage)}


@contextmanager
def _service(directory: Path) -> Iterator[Engine]:
    address, log = f"unix://{directory}/socket", directory / "log"
    own = _configured(directory)
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["podman", "system", "service", "--time=0", address],
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # It has no BuildKit.
    engine = Engine(with_plugins({**own, "DOCKER_HOST": address, "DOCKER_BUILDKIT": "0"}))
    try:
        eventually(lambda: process.poll() is not None or answers(engine), within_s=START_TIMEOUT_S)
        if process.poll() is not None:
            raise NoEngine(f"Podman does not start: {last_line(log)}")
        yield engine
    finally:
        engine.run(["podman", "rm", "--all", "--force", "--time=1"])
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
        subprocess.run(["umount", f"{directory}/graph/overlay"], check=False, capture_output=True)
