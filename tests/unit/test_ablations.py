"""benchmarks/without.py can take each optimisation out of the code as it is."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest
from harness.scaling import benchmark_script
from harness.server import REPOSITORY

without = benchmark_script("without")


@pytest.mark.parametrize("name", without.OPTIMISATIONS)
def test_what_is_replaced_stands_in_the_code_once(name: str, tmp_path: Path) -> None:
    for replacement in without.OPTIMISATIONS[name].replacements:
        path = Path("archive_service", replacement.path)
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / path, tmp_path / path)
        without.replace_in(tmp_path, replacement)
        ast.parse((tmp_path / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", without.OPTIMISATIONS)
def test_performance_has_a_row_for_each(name: str) -> None:
    text = (REPOSITORY / "docs" / "performance.md").read_text(encoding="utf-8")
    assert f"| `{name}` |" in text
