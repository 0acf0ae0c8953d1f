"""Preconditions: what a request wants to be true of the archive before it is sent.

Theory of operation.  `evaluate` walks the steps of RFC 9110 section 13.2.2 over the validators of
the current archive and ends in one of three outcomes.  Where it ends in PROCEED, `range_applies`
takes step 5, If-Range, which chooses between a part and the whole and never fails.

In doubt the complete archive is sent or the request fails visibly; a part that might belong to
another archive is never sent.  A client that continues an archive without a precondition is judged
in `web/limits/resumption_guard.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from archive_service.http.http_date import parse_http_date
from archive_service.http.request_fields import RequestFields
from archive_service.http.tag_comparison import (
    ANY,
    is_entity_tag,
    parse_entity_tags,
    strong_match,
    weak_match,
)


@dataclass(frozen=True, slots=True)
class Validators:
    """The validators of one state of an archive (RFC 9110 section 8.8)."""

    etag: str
    """A strong entity tag, with its quotes."""
    last_modified_s: int | None
    """Unix seconds, not after the moment of the answer (section 8.8.2.1).

    None where no date stays the same for one state."""
    date_is_strong: bool
    """Whether each state has a date of its own (section 8.8.2.2)."""


class PreconditionResult(Enum):
    """The result of a request's preconditions."""

    PROCEED = auto()
    NOT_MODIFIED = auto()
    PRECONDITION_FAILED = auto()


def evaluate(fields: RequestFields, validators: Validators, *, now_s: int) -> PreconditionResult:
    """Evaluate all preconditions but If-Range, in the order of RFC 9110 section 13.2.2.

    `now_s` is the server's clock, in Unix seconds.
    """
    # Steps 1 and 2.  If-Match, valid or not, overrides If-Unmodified-Since.
    if fields.if_match is not None:
        if not _matches(fields.if_match, validators):
            return PreconditionResult.PRECONDITION_FAILED
    elif _modified_after(fields.if_unmodified_since, validators, now_s) is True:
        return PreconditionResult.PRECONDITION_FAILED
    # Steps 3 and 4.  If-None-Match, valid or not, overrides If-Modified-Since.
    is_retrieval = fields.method in ("GET", "HEAD")
    if fields.if_none_match is not None:
        if not _none_matches(fields.if_none_match, validators):
            return (
                PreconditionResult.NOT_MODIFIED
                if is_retrieval
                else PreconditionResult.PRECONDITION_FAILED
            )
    elif is_retrieval and _modified_after(fields.if_modified_since, validators, now_s) is False:
        return PreconditionResult.NOT_MODIFIED
    return PreconditionResult.PROCEED


# RFC 9110 section 13.2.2 step 5, section 13.1.5.
def range_applies(fields: RequestFields, validators: Validators, *, now_s: int) -> bool:
    """Return whether a Range field, if any, may be obeyed."""
    if fields.if_range is not None:
        return _if_range_is_true(fields.if_range, validators, now_s)
    return not _relies_on_a_weak_date(fields, validators)


def knows_entity_tag(fields: RequestFields, validators: Validators) -> bool:
    """Return whether a client names the current entity tag, so it has seen an earlier answer.

    Dates and the "*" of If-Match don't count: a client could guess them.
    """
    tags = [(fields.if_range or "").strip(" \t"), *parse_entity_tags(fields.if_match or "")]
    return any(strong_match(tag, validators.etag) for tag in tags)


# RFC 9110 section 13.1.1: "*" is true while there is a representation, and there is one.  "An
# origin server MUST use the strong comparison function when comparing entity tags for If-Match."
def _matches(if_match: str, validators: Validators) -> bool:
    if if_match.strip(" \t") == ANY:
        return True
    return any(strong_match(tag, validators.etag) for tag in parse_entity_tags(if_match))


# RFC 9110 section 13.1.2: "A recipient MUST use the weak comparison function when comparing entity
# tags for If-None-Match."
def _none_matches(if_none_match: str, validators: Validators) -> bool:
    if if_none_match.strip(" \t") == ANY:
        return False
    return not any(weak_match(tag, validators.etag) for tag in parse_entity_tags(if_none_match))


# RFC 9110 sections 13.1.3 and 13.1.4: an invalid date MUST be ignored, and "earlier or equal" is
# unmodified.  In RFC 2616 (section 14.25) a date after now was invalid.  RFC 7232 and RFC 9110 only
# say to read it "in terms of the origin server's clock", so it is compared like any other date.
# Where the archive has no date, both sections demand that the field is ignored.
def _modified_after(field_value: str | None, validators: Validators, now_s: int) -> bool | None:
    if field_value is None or validators.last_modified_s is None:
        return None
    date_s = parse_http_date(field_value, now_s)
    return None if date_s is None else validators.last_modified_s > date_s


# RFC 9110 section 13.1.5: an entity tag must match strongly; a date must be a strong validator and
# match exactly; any other value is a false condition.
def _if_range_is_true(if_range: str, validators: Validators, now_s: int) -> bool:
    value = if_range.strip(" \t")
    if is_entity_tag(value):
        return strong_match(value, validators.etag)
    date_s = parse_http_date(value, now_s)
    return validators.date_is_strong and date_s == validators.last_modified_s


# RFC 9110 section 8.8.1: weak validators are usable only "when the client does not require exact
# equality with previously obtained representation data", so not for ranges.  A client whose range
# has only a date as its guard gets the whole archive while the date is weak: "a server MAY ignore
# the Range header field" (section 14.2).
def _relies_on_a_weak_date(fields: RequestFields, validators: Validators) -> bool:
    if fields.if_match is not None or fields.if_unmodified_since is None:
        return False
    return not validators.date_is_strong
