"""The shape of the package: few rooms, distinct names, short files and functions."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "archive_service"
MOST_ROOT_ENTRIES = MOST_LAYERS = 10
MOST_FILE_LINES, MOST_BODY_LINES = 300, 30
NEUTRAL_NAMES = ("__init__", "base")
"""Names that say nothing by themselves; their package's name does."""
TWINS = re.compile(r"storage|storage/[^/]+/(storage|location)")
"""Modules that may share a name: each storage has both, and the first is also their room."""


def entries(directory: Path) -> list[Path]:
    """Return the packages and modules below a directory."""
    sources = sorted(directory.rglob("*.py"))
    folders = {path.parent for path in sources} - {directory}
    return [path for path in (*sources, *sorted(folders)) if path.stem not in NEUTRAL_NAMES]


def close_names(directory: Path) -> list[str]:
    """Return the modules that share a name, or whose names are a letter or a plural apart."""
    by_name: dict[str, set[str]] = defaultdict(set)
    for path in entries(directory):
        by_name[path.stem].add(path.relative_to(directory).with_suffix("").as_posix())
    shared = [
        f"{name}: {sorted(places)}"
        for name, places in by_name.items()
        if len(places) > 1 and not all(map(TWINS.fullmatch, places))
    ]
    return shared + [
        f"{one}, {other}" for one, other in combinations(by_name, 2) if near(one, other)
    ]


def shared_class_names(directory: Path) -> list[str]:
    """Return the names that more than one class of the modules has."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(directory.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path.relative_to(directory).as_posix())
    return [f"{name}: {found}" for name, found in places.items() if len(found) > 1]


def near(one: str, other: str) -> bool:
    """Return whether two names are one letter or a plural apart."""
    short, long = sorted((one, other), key=len)
    if len(short) == len(long):
        return sum(a != b for a, b in zip(short, long, strict=True)) == 1
    without_a_letter = (long[:index] + long[index + 1 :] for index in range(len(long)))
    return short in without_a_letter or long == f"{short}es"


def long_files(directory: Path) -> list[str]:
    """Return the files with too many lines."""
    sources = [*directory.rglob("*.py"), *directory.rglob("*.[ch]")]
    counts = {path: len(path.read_text().splitlines()) for path in sources}
    return [f"{path}: {count}" for path, count in counts.items() if count > MOST_FILE_LINES]


def long_functions(directory: Path) -> list[str]:
    """Return the functions with too many lines below their docstring."""
    return [
        f"{path}: {function.name}, {count}"
        for path in directory.rglob("*.py")
        for function in functions(path)
        if (count := body_lines(function)) > MOST_BODY_LINES
    ]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    has_docstring = ast.get_docstring(function) is not None
    body = function.body[1:] if has_docstring else function.body
    if not body:
        return 0
    before = function.body[0].end_lineno if has_docstring else body[0].lineno - 1
    return (body[-1].end_lineno or 0) - (before or 0)


def test_the_root_has_few_entries() -> None:
    shown = {path.name for path in entries(PACKAGE) if path.parent == PACKAGE}
    assert len(shown) <= MOST_ROOT_ENTRIES, shown


def test_no_two_modules_have_names_that_are_easily_confused() -> None:
    assert close_names(PACKAGE) == []


def test_no_two_classes_share_a_name() -> None:
    assert shared_class_names(PACKAGE) == []


def test_files_are_short() -> None:
    assert long_files(PACKAGE) == []


def test_functions_are_short() -> None:
    for directory in (PACKAGE, REPOSITORY / "benchmarks", REPOSITORY / "tools"):
        assert long_functions(directory) == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is of Python 3.11")
def test_the_layers_are_few_and_hold_without_exceptions() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    assert len(layers) <= MOST_LAYERS
    assert [contract for contract in contracts if contract.get("ignore_imports")] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("web/fields.py", "http/fields.py"),
        ("cli/index.py", "config/indexes.py"),
        ("config/storages.py", "storage/walk.py"),
        ("context.py", "content.py"),
        ("cli/serve.py", "web/server/runner.py"),
    ],
)
def test_names_that_are_easily_confused_are_found(tmp_path: Path, one: str, other: str) -> None:
    for name in (one, other):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert len(close_names(tmp_path)) == 1


def test_a_class_name_that_is_used_twice_is_found(tmp_path: Path) -> None:
    (tmp_path / "link.py").write_text("class Verdict: ...\nclass Link: ...\n")
    (tmp_path / "finding.py").write_text("class Verdict: ...\n")
    assert shared_class_names(tmp_path) == ["Verdict: ['finding.py', 'link.py']"]


def test_one_line_too_many_is_found(tmp_path: Path) -> None:
    def written(lines: int) -> Path:
        body = "    pass\n" * lines
        (tmp_path / "module.py").write_text(
            f'def work():\n    """Work.\n\n    Well.\n    """\n{body}'
        )
        return tmp_path

    assert long_functions(written(MOST_BODY_LINES)) == []
    assert len(long_functions(written(MOST_BODY_LINES + 1))) == 1
    assert long_files(written(MOST_FILE_LINES - 5)) == []
    assert len(long_files(written(MOST_FILE_LINES - 4))) == 1
