"""The script that docs/scaling.md has its tables from, as a module."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from harness.server import REPOSITORY

SCRIPT = REPOSITORY / "benchmarks" / "scaling.py"


def scaling_module() -> ModuleType:
    specification = importlib.util.spec_from_file_location("scaling", SCRIPT)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["scaling"] = module  # dataclasses look there for their annotations
    specification.loader.exec_module(module)
    return module
