"""Waiting for what another process or thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_LOOK_EVERY_S = 0.005

_Result = TypeVar("_Result")


def eventually(look: Callable[[], _Result], *, within_s: float = 60.0) -> _Result:
    """Look again and again until the answer is true; fail when it has not come in time."""
    deadline_s = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"still {found!r} after {within_s} s")
        time.sleep(_LOOK_EVERY_S)
    return found
