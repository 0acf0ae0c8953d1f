"""The reference of log lines in the documents is the one that the events make."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.tools import tool

from archive_service.observe.log import LINES


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_documents_say_what_the_events_say(language: str) -> None:
    reference = tool("log_reference")
    path: Path = reference.DOCUMENTS[language]
    document = path.read_text(encoding="utf-8")
    assert reference.log_reference(language) in document
    assert document == reference.with_reference(document, language), (
        "run: poetry run python tools/log_reference.py"
    )


def test_every_line_has_its_russian_and_no_other_has() -> None:
    assert set(tool("log_reference").RUSSIAN) == {line.name for line in LINES.values()}
