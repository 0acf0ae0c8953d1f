"""Fixtures of several files of unit tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_service.config.setting_docs import docs_of, variable
from archive_service.config.settings import Settings


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Have the test configure logging, and nobody after it notice."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have an empty working directory, and no setting but PHOTOS_DIR."""
    monkeypatch.chdir(tmp_path)
    for name in docs_of(Settings):
        monkeypatch.delenv(variable(name), raising=False)
    monkeypatch.setenv("PHOTOS_DIR", str(tmp_path))
