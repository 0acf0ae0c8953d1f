"""How long to wait before something that failed is tried again."""

from __future__ import annotations

_MOST_DOUBLINGS = 64
"""Beyond them the pause is as long as it gets; a float ends at 2^1024."""


def backoff_s(failures: int, *, first_s: float, longest_s: float) -> float:
    """Return the pause after so many failures in a row: each is twice as long as the one before."""
    doublings = min(failures - 1, _MOST_DOUBLINGS)
    return min(first_s * 2.0**doublings, longest_s)
