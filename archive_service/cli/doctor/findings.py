"""What `archive-service check` finds."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Verdict(Enum):
    """How bad it is."""

    GOOD = "good"
    ADVICE = "advice"
    WRONG = "wrong"


class Finding(NamedTuple):
    """What was found of a subject; the text of anything but GOOD says what to do."""

    verdict: Verdict
    subject: str
    text: str
