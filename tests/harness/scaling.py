"""The scripts of benchmarks/ as modules."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from harness.server import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"
SCRIPT = BENCHMARKS / "scaling.py"


def scaling_module() -> ModuleType:
    """Return the script that docs/scaling.md has its tables from."""
    return benchmark_script("scaling")


def benchmark_script(name: str) -> ModuleType:
    """Return a script as a module, newly loaded."""
    if str(BENCHMARKS) not in sys.path:  # for what the script imports
        sys.path.append(str(BENCHMARKS))
    specification = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look there for their annotations
    specification.loader.exec_module(module)
    return module
