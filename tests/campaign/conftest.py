"""What the campaign shares."""

from __future__ import annotations

import os
from itertools import count

import pytest

_numbers = count()


@pytest.fixture
def name() -> str:
    """An album's name that no other test has."""
    return f"{next(_numbers):06d}{os.urandom(13).hex()}"
