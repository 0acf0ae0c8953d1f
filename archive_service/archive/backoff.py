"""Exponential back-off: how long to wait before the next try."""

from __future__ import annotations

_MOST_DOUBLINGS = 64
"""Bounds the exponent: a float overflows at 2^1024."""


def backoff_s(failures: int, *, first_s: float, longest_s: float) -> float:
    """Return the pause after some failures in a row; each pause doubles the one before."""
    doublings = min(failures - 1, _MOST_DOUBLINGS)
    return min(first_s * 2.0**doublings, longest_s)
