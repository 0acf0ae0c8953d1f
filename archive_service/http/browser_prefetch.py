"""Detects requests of browsers that guess what a person will open.

`Sec-Purpose` is a structured field of the Fetch standard: the token `prefetch`, with parameters
such as `prerender`.  Older browsers send `Purpose` or `X-Purpose` with `prefetch` or `preview`, and
Firefox has sent `X-Moz`.
"""

from __future__ import annotations

from collections.abc import Iterable

_FIELDS = frozenset(("sec-purpose", "purpose", "x-purpose", "x-moz"))
_GUESSES = frozenset(("prefetch", "preview", "prerender"))


def is_speculative(method: str, field_lines: Iterable[tuple[str, str]]) -> bool:
    """Return whether a request is a GET that no person has asked for."""
    return method == "GET" and any(
        name.lower() in _FIELDS and _token(value) in _GUESSES for name, value in field_lines
    )


def _token(value: str) -> str:
    return value.partition(";")[0].strip(" \t").lower()
