"""The compiled part where it is not what the code expects."""

from __future__ import annotations

import subprocess
import sys

from harness.server import REPOSITORY

OLDER = """
import sys
from types import ModuleType

name = "archive_service.storage.local._smallfiles"
sys.modules[name] = ModuleType(name)  # has none of the functions
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED

print(AS_COMPILED is NOTHING_COMPILED)
"""


def test_a_compiled_part_of_an_older_checkout_is_not_used() -> None:
    run = subprocess.run(
        [sys.executable, "-c", OLDER], cwd=REPOSITORY, capture_output=True, check=False, text=True
    )
    assert (run.stdout, run.stderr) == ("True\n", "")
