"""Proactive negotiation (RFC 9110 section 12.1) for Accept and Accept-Language alike.

Pages have few forms and a sensible default, so this never fails.  A malformed field, or one that
accepts no form, leads to the default, as section 12.4.1 allows ("disregard the header field").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_WILDCARD, _TYPE, _EXACT = 1, 2, 3
"""How specific a matching range is; 0 means no match."""
_UNMENTIONED, _REFUSED = (0.0, 0, 0), (-1.0, 0, 0)
_WEIGHT = re.compile(r"[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*", re.IGNORECASE)
_MALFORMED_WEIGHT = re.compile(r"[ \t]*q[ \t]*=", re.IGNORECASE)


class _Range(NamedTuple):
    """A member of an Accept or Accept-Language field."""

    pattern: str
    """Lower case: "text/html", "text/*", "*/*", "en-gb", "*"."""
    quality: float
    rank: int
    """The place in the field."""


def preferred(field: str | None, offers: Sequence[str]) -> str:
    """Return the offer that a field prefers; the first offer is the default.

    Offers are media types ("text/html") or language tags ("ru").
    """
    ranges = list(_ranges(field or ""))
    return max(offers, key=lambda offer: _appeal(offer.lower(), ranges))


def _ranges(field: str) -> Iterator[_Range]:
    for rank, member in enumerate(field.split(",")):
        pattern, *parameters = member.split(";")
        quality = _quality(parameters)
        if quality is not None:
            yield _Range(pattern.strip(" \t").lower(), quality, rank)


# RFC 9110 section 12.4.2: "If no 'q' parameter is present, the default weight is 1."
def _quality(parameters: Sequence[str]) -> float | None:
    for parameter in parameters:
        if weight := _WEIGHT.fullmatch(parameter):
            return float(weight[1])
        if _MALFORMED_WEIGHT.match(parameter):
            return None
    return 1.0


# Section 12.5.1: the most specific range that matches has precedence.  Among equal weights the
# range that names more wins, then the one that stands first: "some recipients treat the order in
# which language tags are listed as an indication of descending priority" (section 12.5.4).
def _appeal(offer: str, ranges: Sequence[_Range]) -> tuple[float, int, int]:
    matching = [found for found in ranges if _specificity(found, offer)]
    if not matching:
        return _UNMENTIONED
    best = max(matching, key=lambda found: (_specificity(found, offer), -found.rank))
    if not best.quality:
        return _REFUSED
    return (best.quality, min(_specificity(best, offer), _EXACT), -best.rank)


def _specificity(found: _Range, offer: str) -> int:
    """Return 0 where a range does not match, else more for a more specific range."""
    if found.pattern in ("*", "*/*"):
        return _WILDCARD
    media_type, slash, _ = offer.partition("/")
    if slash and found.pattern == f"{media_type}/*":
        return _TYPE
    if found.pattern == offer:
        return _EXACT
    # RFC 4647 section 3.4, lookup: "en" satisfies "en-GB".  But a visitor who rejects British
    # English may still accept English.
    if not slash and found.quality and found.pattern.startswith(f"{offer}-"):
        return _EXACT + found.pattern.count("-")
    return 0
