"""The project in a directory of its own with an `.env`, as who runs it with compose has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from containers.engine import Engine
from harness.conditions import eventually
from harness.http import is_ready
from harness.ports import free_port
from harness.server import REPOSITORY

V1 = ("docker-compose",)
V2 = ("docker", "compose")
IMAGE = "archive-service-test"
START_TIMEOUT_S = 120.0
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".env", "__pycache__", "tests", ".*_cache")


class Site:
    """A project of compose; the methods run `docker compose` in its directory."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self.engine = engine
        self.directory = directory
        self.photos_dir = directory.parent / "photos"
        self.photos_dir.mkdir()
        self.port = free_port()
        self.variables = {
            "PHOTOS_DIR": str(self.photos_dir),
            "LISTEN": f"127.0.0.1:{self.port}",
            "IMAGE": IMAGE,
            "SETTLE_TIME": "0",
            "TRUSTED_PROXIES": "none",
        }

    def configure(self, **variables: str) -> None:
        """Write `.env`; what is given is added to what it had."""
        self.variables.update(variables)
        lines = [f"{name}={value}\n" for name, value in self.variables.items()]
        (self.directory / ".env").write_text("".join(lines))

    def compose(self, *arguments: str, program: Sequence[str] = V2, **variables: str) -> str:
        return self.engine.run([*program, *arguments], cwd=self.directory, **variables).stdout

    def up(self) -> None:
        """Start, or restart what `.env` has changed; wait until it answers.

        `--wait` would wait for the next of the engine's health checks, ten seconds apart.
        """
        self.compose("up", "--detach")
        eventually(lambda: is_ready(self.port), within_s=START_TIMEOUT_S)

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """Have compose stop the service; enter the block once it is stopping."""
        stop = subprocess.Popen(
            [*V2, "stop"],
            cwd=self.directory,
            env={**os.environ, **self.engine.variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually(lambda: "event=server.stopping" in self.logs(), within_s=START_TIMEOUT_S)
            yield
        finally:
            stop.wait(START_TIMEOUT_S)

    def container(self, service: str = "archive") -> str:
        """Return the id of the container of a service."""
        return self.compose("ps", "--all", "--quiet", service).strip()

    def state(self) -> dict[str, Any]:
        """Return the engine's data about the service's container."""
        return json.loads(self.engine.docker("inspect", self.container()))[0]

    def logs(self) -> str:
        return self.compose("logs", "--no-color", "--no-log-prefix", "archive")

    def execute(self, *command: str) -> str:
        """Run a command in the service's container."""
        return self.engine.docker("exec", self.container(), *command)


@contextmanager
def site_in(directory: Path, engine: Engine) -> Iterator[Site]:
    """Lay out a site in an empty directory; take down what it has started when the block ends."""
    # Compose names a project after its directory, and so what it starts.
    project = directory / f"archive{free_port()}"
    shutil.copytree(REPOSITORY, project, ignore=_NOT_COPIED)
    site = Site(engine, project)
    site.configure()
    try:
        yield site
    finally:
        site.compose("down", "--volumes", "--timeout", "1")
