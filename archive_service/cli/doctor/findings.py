"""The findings of `archive-service check`."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """How serious a finding is."""

    GOOD = "good"
    ADVICE = "advice"
    WRONG = "wrong"


class Finding(NamedTuple):
    """A result about a subject; unless the severity is GOOD, the text says what to do."""

    severity: Severity
    subject: str
    text: str
