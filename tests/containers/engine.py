"""A container engine for the tests: the one that runs on this machine, or one of their own.

Theory of operation.  Where no engine answers, `dockerd` is started with directories and a socket
of its own, and gets a base image that needs no registry (base_image.sh).  It ends with the block,
and what it leaves in the machine's network is taken back: rules, bridge, forwarding.  Nothing but
the base image and the client's plugins is kept, in the user's cache directory.

    python tests/containers/engine.py COMMAND …    runs a command that finds such an engine
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.conditions import eventually

SCRIPTS = Path(__file__).resolve().parent
BASE_IMAGE = "python:3.12-slim-bookworm"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 120.0
_PROGRAMS = ("docker", "dockerd", "debootstrap", "iptables-save", "iptables-restore", "ip")
_BRIDGE = Path("/sys/class/net/docker0")
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_AS_PYTHON_IMAGES_DO = ("ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",)


class NoEngine(Exception):
    """No container engine can be had on this machine; the text says why."""


class Engine:
    """An engine that runs, by the environment in which `docker` finds it."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables

    @property
    def is_podman(self) -> bool:
        return "CONTAINERS_CONF" in self.variables

    def docker(self, *arguments: str) -> str:
        """Run `docker`; return what it says, raise CalledProcessError where it fails."""
        return self.run(["docker", *arguments]).stdout.strip()

    def run(
        self, command: Sequence[str], cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that finds this engine; print what one that fails complains of."""
        done = self._run(command, cwd, variables)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            done.check_returncode()
        return done

    def succeeds(self, *arguments: str) -> bool:
        """Run `docker` and tell whether it succeeds."""
        return self._run(["docker", *arguments], None, {}).returncode == 0

    def _run(
        self, command: Sequence[str], cwd: Path | None, variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            check=False,
            cwd=cwd,
            env={**os.environ, **self.variables, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


@contextmanager
def engine_for_tests() -> Iterator[Engine]:
    """Have an engine for a block; raise NoEngine where that can't be."""
    if shutil.which("docker") is None:
        raise NoEngine("no docker on this machine")
    running = Engine(with_plugins({}))
    if answers(running):
        yield running
        return
    _require_what_an_engine_needs()
    with (
        tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as directory,
        network_restored(),
        _daemon(Path(directory)) as engine,
    ):
        import_base_image(engine)
        yield engine


def answers(engine: Engine) -> bool:
    """Tell whether an engine is there."""
    return engine.succeeds("version", "--format", "{{.Server.Version}}")


def _require_what_an_engine_needs() -> None:
    if os.geteuid():
        raise NoEngine("no container engine runs, and only root can start one")
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise NoEngine(f"to start a container engine there is no {', '.join(missing)}")
    if _BRIDGE.exists():
        raise NoEngine("another container engine has its network on this machine")
    _python_prefix()


@contextmanager
def _daemon(directory: Path) -> Iterator[Engine]:
    address = f"unix://{directory}/socket"
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                "dockerd",
                f"--data-root={directory}/data",
                f"--exec-root={directory}/exec",
                f"--pidfile={directory}/pid",
                f"--host={address}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the tests, which still need it to clean up
        )
    engine = Engine(with_plugins({"DOCKER_HOST": address}))
    try:
        eventually(lambda: process.poll() is not None or answers(engine), within_s=START_TIMEOUT_S)
        if process.poll() is not None:
            raise NoEngine(f"dockerd does not start: {last_line(log)}")
        yield engine
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
        # Containers in the network of the machine leave it mounted.
        network = f"{directory}/exec/netns/default"
        subprocess.run(["umount", network], check=False, capture_output=True)


def last_line(log: Path) -> str:
    """Return what a program has said last."""
    return (log.read_text(errors="replace").splitlines() or [""])[-1]


@contextmanager
def network_restored() -> Iterator[None]:
    """Take back what an engine does to the network of the machine it runs on."""
    rules = subprocess.run(["iptables-save"], check=True, capture_output=True).stdout
    forwarding = _FORWARDING.read_text()
    try:
        yield
    finally:
        subprocess.run(["iptables-restore"], check=True, input=rules)
        if _BRIDGE.exists():
            subprocess.run(["ip", "link", "delete", _BRIDGE.name], check=True)
        _FORWARDING.write_text(forwarding)


def import_base_image(engine: Engine) -> None:
    """Give an engine the image that the others are made of, from the cache or newly made."""
    script, prefix = SCRIPTS / "base_image.sh", _python_prefix()
    digest = hashlib.sha256(script.read_bytes() + bytes(prefix)).hexdigest()
    archive = _cache() / f"base-image-{digest[:12]}.tar"
    if not archive.exists():
        with tempfile.TemporaryDirectory(prefix="base-image-") as scratch:
            part = archive.with_suffix(".part")
            with part.open("wb") as target:
                subprocess.run([script, prefix, scratch], check=True, stdout=target)
            part.rename(archive)
    changes = [f"--change={change}" for change in _AS_PYTHON_IMAGES_DO]
    engine.docker("import", *changes, str(archive), BASE_IMAGE)


def _python_prefix() -> Path:
    """Return where a Python 3.12 lies that is no part of this machine's distribution."""
    built = sorted(Path.home().glob(".pyenv/versions/3.12.*"))
    for prefix in (*reversed(built), Path("/usr/local")):
        if (prefix / "bin" / "python3.12").exists():
            return prefix
    raise NoEngine("no Python 3.12 for the base image, neither of pyenv nor in /usr/local")


def with_plugins(variables: dict[str, str]) -> dict[str, str]:
    """Add to an environment the directory with the client's plugins, if it has none."""
    if Engine(variables).succeeds("compose", "version"):
        return variables
    configuration = _cache() / "docker"
    if not (configuration / "cli-plugins" / "docker-compose").exists():
        if shutil.which("dpkg") is None:
            raise NoEngine("`docker` has no `compose` on this machine")
        subprocess.run([SCRIPTS / "plugins.sh", configuration / "cli-plugins"], check=True)
    return {**variables, "DOCKER_CONFIG": str(configuration)}


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = home / "archive-service-tests"
    path.mkdir(parents=True, exist_ok=True)
    return path


def main() -> int:
    """Run a command that finds an engine; return its exit status."""
    with engine_for_tests() as engine:
        variables = {**os.environ, **engine.variables}
        return subprocess.run(sys.argv[1:], check=False, env=variables).returncode


if __name__ == "__main__":
    sys.exit(main())
