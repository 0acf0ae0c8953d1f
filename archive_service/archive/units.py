"""Units of time, and sizes and durations as people write them: `64M`, `7d`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite

NS_PER_S = 1_000_000_000
_SIZE = r"([0-9]{1,12}(?:\.[0-9]{1,6})?)([KMGkmg]?)"
_BYTES: Mapping[str, int] = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
_SECONDS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
DURATION_UNITS = tuple(_SECONDS)


def size_bytes(text: str) -> int:
    """Return the bytes of a size such as `4096`, `1.5M` or `64g`; raise ValueError."""
    match = re.fullmatch(_SIZE, text.strip())
    if match is None:
        raise ValueError("not a size")
    return round(float(match[1]) * _BYTES[match[2].upper()])


def duration_s(text: str) -> float:
    """Return the seconds of a duration such as `90`, `1.5h` or `7d`; raise ValueError."""
    number = text.strip()
    factor = _SECONDS.get(number[-1:])
    try:
        seconds = float(number) if factor is None else float(number[:-1]) * factor
    except ValueError:
        raise ValueError("not a duration") from None
    if not isfinite(seconds):
        raise ValueError("not finite")
    return seconds
