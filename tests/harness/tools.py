"""The scripts of tools/ as modules."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from harness.server import REPOSITORY


def tool(name: str) -> ModuleType:
    """Return a script of tools/ as a module, newly loaded."""
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
