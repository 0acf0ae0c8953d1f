"""Installs the peers' packages in an environment of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.plan import HERE

_MODULES = {"copyparty": "copyparty", "stream-zip": "stream_zip", "zipstream-ng": "zipstream"}


def install_peers(root: Path) -> tuple[str, dict[str, str]]:
    """Install what is missing; return the peers' Python, and the absent peers with the reasons."""
    python = root / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(root / "venv", with_pip=True)
    # One by one: one package that can't be had is no reason to do without the others.
    failures = {
        requirement: _pip_failure(python, requirement)
        for requirement in (HERE / "requirements.txt").read_text().split()
    }
    absent = {
        peer: failures.get(peer) or "the package can't be imported"
        for peer, module in _MODULES.items()
        if not _succeeds(str(python), "-c", f"import aiohttp, {module}")
    }
    reason = _npm_failure(root)
    return str(python), absent | ({"yazl": reason} if reason else {})


def _pip_failure(python: Path, requirement: str) -> str | None:
    name = requirement.partition(">")[0]
    if _succeeds(str(python), "-c", f"import importlib.metadata as m; m.version({name!r})"):
        return None
    return _failure(str(python), "-m", "pip", "install", "--quiet", requirement)


def _npm_failure(root: Path) -> str | None:
    if not shutil.which("node"):
        return "node is not installed"
    if (root / "node_modules" / "yazl").exists():
        return None
    if not shutil.which("npm"):
        return "npm is not installed"
    shutil.copy(HERE / "peers" / "package.json", root)
    return _failure("npm", "install", "--silent", "--prefix", str(root))


def _succeeds(*command: str) -> bool:
    return _failure(*command) is None


def _failure(*command: str) -> str | None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if not done.returncode:
        return None
    said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return said[-1]


if __name__ == "__main__":
    print(*install_peers(Path(sys.argv[1])), sep="\n")
