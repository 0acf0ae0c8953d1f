"""Preconditions: the oracle is RFC 9110 section 13."""

from __future__ import annotations

import pytest

from archive_service.http.conditional import (
    PreconditionResult,
    Validators,
    evaluate,
    knows_entity_tag,
    range_applies,
)
from archive_service.http.request_fields import RequestFields

PROCEED = PreconditionResult.PROCEED
NOT_MODIFIED = PreconditionResult.NOT_MODIFIED
FAILED = PreconditionResult.PRECONDITION_FAILED

TAG = '"xyzzy"'
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
EXACT = "Sun, 06 Nov 1994 08:49:37 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"
FUTURE = "Fri, 06 Nov 2093 08:49:37 GMT"
NOW_S = 1_700_000_000
STRONG = Validators(TAG, 784111777, date_is_strong=True)
WEAK = Validators(TAG, 784111777, date_is_strong=False)


def fields(method: str = "GET", **values: str) -> RequestFields:
    return RequestFields(method, **values)


@pytest.mark.parametrize(
    ("if_match", "expected"),
    [  # section 13.1.1
        ("*", PROCEED),
        (" * ", PROCEED),
        (',, "a",,"xyzzy" ,', PROCEED),
        ('"xyzzy, x"', FAILED),
        (TAG, PROCEED),
        ('"a", "xyzzy"', PROCEED),
        ('"a"', FAILED),
        ('W/"xyzzy"', FAILED),  # strong comparison
        ("xyzzy", FAILED),  # no member matches: "Otherwise, the condition is false."
        ("", FAILED),
        ('*, "a"', FAILED),
        (" *\t", PROCEED),  # whitespace around a value (section 5.6.3)
        ("*\x0b", FAILED),  # and no other
        ("X*", FAILED),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_if_match(method: str, if_match: str, expected: PreconditionResult) -> None:
    assert evaluate(fields(method, if_match=if_match), STRONG, now_s=NOW_S) is expected


@pytest.mark.parametrize(
    ("if_unmodified_since", "expected"),
    [  # section 13.1.4
        (EXACT, PROCEED),  # "earlier than or equal"
        (AFTER, PROCEED),
        (FUTURE, PROCEED),
        (BEFORE, FAILED),
        ("Sunday, 06-Nov-94 08:49:36 GMT", FAILED),
        ("Sun Nov  6 08:49:36 1994", FAILED),
        ("", PROCEED),  # not a valid HTTP-date: MUST be ignored
        ("yesterday", PROCEED),
        (f"{BEFORE}, {BEFORE}", PROCEED),  # "including when the field value appears to be a list"
    ],
)
def test_if_unmodified_since(if_unmodified_since: str, expected: PreconditionResult) -> None:
    request = fields(if_unmodified_since=if_unmodified_since)
    assert evaluate(request, STRONG, now_s=NOW_S) is expected


@pytest.mark.parametrize(
    ("if_none_match", "matches"),
    [  # section 13.1.2
        ("*", True),
        (TAG, True),
        ('W/"xyzzy"', True),  # weak comparison
        ('"a", W/"xyzzy"', True),
        ('"a"', False),
        ("xyzzy", False),
        ("", False),
        ("\t* ", True),
        ("\x0b*", False),
        ("*X", False),
    ],
)
@pytest.mark.parametrize(
    ("method", "on_match"), [("GET", NOT_MODIFIED), ("HEAD", NOT_MODIFIED), ("PUT", FAILED)]
)
def test_if_none_match(
    method: str, on_match: PreconditionResult, if_none_match: str, matches: bool
) -> None:
    request = fields(method, if_none_match=if_none_match)
    assert evaluate(request, STRONG, now_s=NOW_S) is (on_match if matches else PROCEED)


@pytest.mark.parametrize(
    ("method", "if_modified_since", "expected"),
    [  # section 13.1.3
        ("GET", BEFORE, PROCEED),
        ("GET", EXACT, NOT_MODIFIED),  # "earlier or equal"
        ("GET", AFTER, NOT_MODIFIED),
        ("HEAD", EXACT, NOT_MODIFIED),
        ("PUT", EXACT, PROCEED),  # neither GET nor HEAD: MUST be ignored
        ("GET", "Sunday, 06-Nov-94 08:49:37 GMT", NOT_MODIFIED),
        ("GET", "Sun Nov  6 08:49:37 1994", NOT_MODIFIED),
        ("GET", "Thu, 31 Feb 2022 00:00:00 GMT", PROCEED),  # not a valid HTTP-date
        ("GET", f"{EXACT}, {EXACT}", PROCEED),  # "more than one member"
        ("GET", "", PROCEED),
        ("GET", FUTURE, NOT_MODIFIED),  # only RFC 2616 called a later date invalid
    ],
)
def test_if_modified_since(
    method: str, if_modified_since: str, expected: PreconditionResult
) -> None:
    request = fields(method, if_modified_since=if_modified_since)
    assert evaluate(request, STRONG, now_s=NOW_S) is expected


def test_a_weak_date_still_validates_a_cache() -> None:  # section 8.8.1
    assert evaluate(fields(if_modified_since=EXACT), WEAK, now_s=NOW_S) is NOT_MODIFIED


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [  # section 13.1.5
        (TAG, True),
        (f" {TAG}\t", True),
        (f"{TAG}\x0b", False),
        (f"X{TAG}", False),
        ('W/"xyzzy"', False),  # strong comparison
        ('"a"', False),
        ("xyzzy", False),
        ("*", False),  # neither an entity tag nor a date
        (f"{TAG}, {TAG}", False),  # not a list
        (f'{TAG}, "a"', False),
        ("", False),
        (EXACT, True),
        ("Sunday, 06-Nov-94 08:49:37 GMT", True),
        ("Sun Nov  6 08:49:37 1994", True),
        (BEFORE, False),
        (AFTER, False),  # "by exact match"
        (f"{EXACT}, {EXACT}", False),
        ("yesterday", False),
    ],
)
def test_if_range(if_range: str, expected: bool) -> None:
    request = fields(range="bytes=0-", if_range=if_range)
    assert range_applies(request, STRONG, now_s=NOW_S) is expected


def test_a_date_that_is_not_strong_never_makes_if_range_true() -> None:  # section 13.1.5
    assert not range_applies(fields(range="bytes=0-", if_range=EXACT), WEAK, now_s=NOW_S)
    assert range_applies(fields(range="bytes=0-", if_range=TAG), WEAK, now_s=NOW_S)


def test_a_repeated_if_range_is_never_true() -> None:  # section 13.1.5
    lines = [("Range", "bytes=0-"), ("If-Range", TAG), ("If-Range", TAG)]
    assert not range_applies(RequestFields.of("GET", lines), STRONG, now_s=NOW_S)


@pytest.mark.parametrize(
    ("validators", "guards", "expected"),
    [  # section 8.8.1
        (WEAK, {}, True),  # nothing guards the range: the client's own risk
        (WEAK, {"if_unmodified_since": EXACT}, False),
        (STRONG, {"if_unmodified_since": EXACT}, True),
        (WEAK, {"if_unmodified_since": EXACT, "if_match": TAG}, True),
        (WEAK, {"if_unmodified_since": EXACT, "if_range": TAG}, True),
    ],
)
def test_a_range_guarded_only_by_a_weak_date_is_not_obeyed(
    validators: Validators, guards: dict[str, str], expected: bool
) -> None:
    assert range_applies(fields(range="bytes=0-", **guards), validators, now_s=NOW_S) is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"if_range": TAG}, True),
        ({"if_range": f" {TAG}\t"}, True),
        ({"if_match": TAG}, True),
        ({"if_match": f'"a", {TAG}'}, True),
        ({"if_match": TAG, "if_range": EXACT}, True),
        ({}, False),
        ({"if_range": '"a"'}, False),
        ({"if_range": f"W/{TAG}"}, False),  # weak tags allow no range
        ({"if_range": f'{TAG}, "a"'}, False),  # If-Range is no list
        ({"if_range": EXACT}, False),
        ({"if_range": ""}, False),
        ({"if_range": "*"}, False),
        ({"if_match": "*"}, False),
        ({"if_match": '"a"'}, False),
        ({"if_match": ""}, False),
        ({"if_none_match": TAG}, False),
        ({"if_unmodified_since": EXACT}, False),
    ],
)
def test_who_knows_the_entity_tag(values: dict[str, str], expected: bool) -> None:
    assert knows_entity_tag(fields(**values), STRONG) is expected


@pytest.mark.parametrize("value", [BEFORE, EXACT, AFTER])
def test_where_there_is_no_date_a_date_asks_nothing(value: str) -> None:
    """Sections 13.1.3 and 13.1.4, last paragraphs; and no date equals none (section 13.1.5)."""
    dateless = Validators(TAG, None, date_is_strong=False)
    assert evaluate(fields(if_modified_since=value), dateless, now_s=NOW_S) is PROCEED
    assert evaluate(fields(if_unmodified_since=value), dateless, now_s=NOW_S) is PROCEED
    assert not range_applies(fields(if_range=value), dateless, now_s=NOW_S)
    assert not range_applies(fields(if_range="no date"), dateless, now_s=NOW_S)
