"""Builds of the service: this checkout, and another one for comparison."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from bench.plan import REPOSITORY, CannotRun


@dataclass(frozen=True)
class Build:
    """One checkout, and the interpreter that runs it."""

    name: str
    repository: Path
    python: str
    prefix: tuple[str, ...] = ()
    """What stands before the command line, such as `taskset -c 0`."""

    def command(self, script: str) -> list[str]:
        """Return the command line of a script at the root of the checkout."""
        return [*self.prefix, self.python, str(self.repository / script)]


THIS = Build("service", REPOSITORY, sys.executable)


def other_build(worktree: Path) -> Build:
    """Return the build of another checkout, its compiled part made.

    Its own `.venv` runs it where it has one, this interpreter otherwise.
    Raise CannotRun where there is no service.
    """
    if not (worktree / "server.py").is_file():
        raise CannotRun(f"{worktree} is no checkout of the service")
    own = worktree / ".venv" / "bin" / "python"
    build = Build("other build", worktree, str(own) if own.exists() else sys.executable)
    subprocess.run(build.command("tools/compile_smallfiles.py"), check=True)
    for each in (THIS, build):
        compile_modules(each)
    return build


def compile_modules(build: Build) -> None:
    """Write the bytecode of a build, so that no start is one that compiles."""
    package = build.repository / "archive_service"
    subprocess.run([build.python, "-m", "compileall", "-q", package], check=True)


def uncompiled(build: Build, directory: Path) -> Build:
    """Copy a build to a directory, without its compiled part."""
    without = shutil.ignore_patterns("*.so", "__pycache__")
    package = "archive_service"
    shutil.copytree(build.repository / package, directory / package, ignore=without)
    for script in ("server.py", "main.py"):
        shutil.copy(build.repository / script, directory)
    return replace(build, repository=directory)
