"""Programs in Node of the packages that NODE_PATH says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from uploaders.relay import installed


def node(script: str, *packages: str) -> Sequence[str | Path]:
    """Return the command of a script of this directory, the packages being its first arguments."""
    program = installed("node")
    for package in packages:
        require_package(package)
    found = f"NODE_PATH={os.environ.get('NODE_PATH', '')}"
    return ["env", found, program, Path(__file__).with_name(script), *packages]


def require_package(name: str) -> None:
    """Skip the test where Node does not find a package."""
    found = subprocess.run(
        [installed("node"), "-e", f"require.resolve({name!r})"], check=False, capture_output=True
    )
    if found.returncode:
        pytest.skip(f"Node does not find {name}: NODE_PATH says where packages are")
