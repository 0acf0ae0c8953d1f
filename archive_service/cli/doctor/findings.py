"""The findings of `archive-service check`."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Verdict(Enum):
    """How serious a finding is."""

    GOOD = "good"
    ADVICE = "advice"
    WRONG = "wrong"


class Finding(NamedTuple):
    """A result about a subject; unless the verdict is GOOD, the text says what to do."""

    verdict: Verdict
    subject: str
    text: str
