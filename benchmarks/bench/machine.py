"""Describes the machine, the versions and the date of the figures."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

from bench.plan import REPOSITORY, Plan

_VERSION = re.compile(r"\d+(\.\d+)+\S*")
_PACKAGES = ("aiohttp", "copyparty", "stream-zip", "zipstream-ng")


def machine(plan: Plan) -> list[str]:
    """Return lines with the date, the machine and the versions of the figures."""
    size = "quick run, of too little data to judge targets by" if plan.is_quick else "full run"
    kernel = f"{platform.system()} {platform.release().partition('-')[0]}"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return [
        f"{date.today()}, {size}, {plan.rounds} rounds.",  # noqa: DTZ011 - here and now
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {kernel}.",
        f"Python {platform.python_version()}, {', '.join(_versions(plan))}.",
        f"The service runs {'with' if _is_compiled() else 'without'} its compiled part.",
    ]


def _is_compiled() -> bool:
    command = [sys.executable, "-c", "import archive_service.storage.local._smallfiles"]
    return not subprocess.run(command, check=False, capture_output=True, cwd=REPOSITORY).returncode


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions(plan: Plan) -> list[str]:
    versions = {
        "nginx": _said("/usr/sbin/nginx", "-v"),
        "zip": _said("zip", "-v"),
        "Node": _said("node", "--version"),
        "yazl": _package_json(plan.root / "node_modules" / "yazl" / "package.json"),
        "curl": _said("curl", "--version"),
    }
    code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
    versions |= {name: _said(plan.python, "-c", code, name) for name in _PACKAGES}
    return [f"{name} {version}" for name, version in versions.items() if version]


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    found = _VERSION.search(done.stdout + done.stderr)
    return found.group().rstrip(",") if found else ""


def _package_json(path: Path) -> str:
    found = re.search(r'"version": "(.*)"', path.read_text()) if path.exists() else None
    return found.group(1) if found else ""
