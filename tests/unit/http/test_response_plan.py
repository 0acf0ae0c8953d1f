"""The response plan: the oracle is RFC 9110, by the section each row names."""

from __future__ import annotations

import itertools
import re

import pytest

from archive_service.http.conditional import Validators
from archive_service.http.multipart import Literal, Slice
from archive_service.http.request_fields import RequestFields
from archive_service.http.response_plan import (
    ResponsePlan,
    SelectedRepresentation,
    is_resumption,
    plan,
)

TAG = '"xyzzy"'
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
OTHER_DATE = "Sun, 06 Nov 1994 08:49:36 GMT"
NOW_S = 1_700_000_000
LENGTH = 10_000
TARGET = SelectedRepresentation(
    LENGTH, "application/zip", Validators(TAG, 784111777, date_is_strong=True)
)
VALIDATOR_FIELDS = {"ETag": TAG, "Last-Modified": DATE}
ACCEPT_RANGES = {"Accept-Ranges": "bytes"}


def answer(method: str = "GET", **values: str | None) -> ResponsePlan:
    return answer_about(TARGET, method, **values)


def answer_about(
    target: SelectedRepresentation, method: str = "GET", **values: str | None
) -> ResponsePlan:
    return plan(RequestFields(method, **values), target, now_s=NOW_S)


def spans(response: ResponsePlan) -> list[tuple[int, int]]:
    return [(part.start, part.stop) for part in response.body if isinstance(part, Slice)]


def test_a_plain_get_is_the_whole_archive() -> None:  # section 15.3.1
    response = answer()
    assert (response.status, spans(response)) == (200, [(0, LENGTH)])
    assert dict(response.fields) == {
        "Content-Type": "application/zip",
        "Content-Length": "10000",
        **VALIDATOR_FIELDS,
        **ACCEPT_RANGES,
    }
    assert (response.first_offset, response.content_length) == (0, 10000)


def test_one_range_is_a_single_part() -> None:  # section 15.3.7.1
    response = answer(range="bytes=500-999")
    assert (response.status, spans(response)) == (206, [(500, 1000)])
    assert dict(response.fields) == {
        "Content-Type": "application/zip",
        "Content-Length": "500",
        "Content-Range": "bytes 500-999/10000",
        **VALIDATOR_FIELDS,
        **ACCEPT_RANGES,
    }
    assert (response.first_offset, response.content_length) == (500, 500)


def test_several_ranges_are_a_multipart_without_a_content_range() -> None:  # section 15.3.7.2
    response = answer(range="bytes=0-0,-1")
    assert (response.status, spans(response)) == (206, [(0, 1), (9999, 10000)])
    assert dict(response.fields) == {
        "Content-Type": dict(response.fields)["Content-Type"],
        "Content-Length": str(response.content_length),
        **VALIDATOR_FIELDS,
        **ACCEPT_RANGES,
    }
    content_type = dict(response.fields)["Content-Type"]
    assert re.fullmatch("multipart/byteranges; boundary=[0-9a-f]{32}", content_type)
    assert (response.status, response.first_offset) == (206, 0)


def test_each_part_says_of_what_it_is_a_part() -> None:  # section 15.3.7.2
    texts = [part.data for part in answer(range="bytes=0-0,-1").body if isinstance(part, Literal)]
    for text, described in zip(texts, (b"0-0", b"9999-9999"), strict=False):
        assert b"\r\nContent-Type: application/zip\r\n" in text
        assert b"\r\nContent-Range: bytes %b/10000\r\n\r\n" % described in text
    assert len(texts) == 3


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"if_unmodified_since": "Sunday, 06-Nov-94 08:49:36 GMT"}, 412),
        ({"if_modified_since": "Sunday, 06-Nov-94 08:49:37 GMT"}, 304),
        ({"if_range": "Sunday, 06-Nov-94 08:49:37 GMT", "range": "bytes=0-0"}, 206),
    ],
)
def test_two_digit_years_are_read_by_the_clock(values: dict[str, str], status: int) -> None:
    assert answer(**values).status == status  # section 5.6.7


def test_first_offset_of_a_multipart_is_that_of_the_first_part() -> None:
    assert answer(range="bytes=-1,0-0").first_offset == 9999


def test_an_unsatisfiable_range_is_told_the_length() -> None:  # section 15.5.17
    response = answer(range="bytes=10000-")
    assert (response.status, response.body, response.content_length) == (416, (), 0)
    assert dict(response.fields) == {"Content-Range": "bytes */10000", **ACCEPT_RANGES}


def test_not_modified_has_validators_and_no_content() -> None:  # section 15.4.5
    response = answer(if_none_match=TAG)
    assert (response.status, response.body) == (304, ())
    assert dict(response.fields) == {**VALIDATOR_FIELDS, **ACCEPT_RANGES}


def test_a_failed_precondition_says_nothing_of_the_archive() -> None:  # section 15.5.13
    response = answer(if_match='"a"')
    assert (response.status, response.body) == (412, ())
    assert dict(response.fields) == ACCEPT_RANGES


def test_head_equals_get_field_by_field() -> None:  # section 9.3.2
    assert answer("HEAD") == answer("GET")


@pytest.mark.parametrize("value", ["bytes=0-0", "bytes=0-0,-1", "bytes=10000-"])
def test_head_ignores_range(value: str) -> None:  # section 14.2
    assert answer("HEAD", range=value, if_range=TAG) == answer("GET")


IF_MATCH = {None: None, True: TAG, False: '"a"'}
IF_UNMODIFIED_SINCE = {None: None, True: DATE, False: OTHER_DATE, "invalid": "x"}
IF_NONE_MATCH = {None: None, True: '"a"', False: TAG}
IF_MODIFIED_SINCE = {None: None, True: OTHER_DATE, False: DATE, "invalid": "x"}
IF_RANGE = {None: None, True: TAG, False: '"a"'}
RANGE = {None: None, 206: "bytes=1-2", 416: "bytes=10000-", 200: "lines=1-2"}


def status_by_precedence(method: str, *states: object) -> int:
    """Follow section 13.2.2, given what each field evaluates to; None where it is absent."""
    match, unmodified, none_match, modified, if_range, range_status = states
    if match is False or (match is None and unmodified is False):  # steps 1 and 2
        return 412
    if none_match is False or (none_match is None and modified is False):  # steps 3 and 4
        return 304
    if method == "GET" and range_status is not None and if_range is not False:  # steps 5 and 6
        assert isinstance(range_status, int)
        return range_status
    return 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_combination_of_fields_has_the_status_of_the_specification(method: str) -> None:
    columns = (IF_MATCH, IF_UNMODIFIED_SINCE, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE)
    names = ("match", "unmodified_since", "none_match", "modified_since", "range")
    for states in itertools.product(*columns):
        sent = [column[state] for column, state in zip(columns, states, strict=True)]  # type: ignore[index]
        values = dict(zip((f"if_{name}" for name in names), sent, strict=False))
        response = answer(method, **values, range=sent[-1])
        assert response.status == status_by_precedence(method, *states), (values, sent[-1])


def test_another_archive_has_another_boundary() -> None:
    other = SelectedRepresentation(
        LENGTH, "application/zip", Validators('"b"', 784111777, date_is_strong=True)
    )
    value = "bytes=0-0,-1"
    assert answer(range=value).body[0] != answer_about(other, range=value).body[0]


def test_an_empty_representation_has_an_empty_slice() -> None:
    empty = SelectedRepresentation(0, "application/zip", TARGET.validators)
    assert spans(answer_about(empty)) == [(0, 0)]
    assert answer_about(empty, range="bytes=0-").status == 200  # section 14.2


@pytest.mark.parametrize(
    ("byte_range", "expected"),
    [
        ("bytes=1-", True),
        ("bytes=500-", True),
        ("bytes=500-999", True),
        ("bytes=-500", True),
        ("bytes=500-999,2000-", True),
        ("bytes=0-", False),
        ("bytes=0-0", False),
        ("bytes=-10000", False),
        ("bytes=-99999", False),
        ("bytes=500-999,0-99", False),  # in any order
        ("bytes=10-,0-0", False),  # which are sent as one
        ("bytes=10000-", False),
        ("pages=1-", False),
        ("bytes=5-1", False),
    ],
)
def test_a_download_goes_on_behind_its_first_byte(byte_range: str, expected: bool) -> None:
    for name in ("if_range", "if_match"):
        fields = RequestFields("GET", range=byte_range, **{name: TAG})
        assert (
            is_resumption(plan(fields, TARGET, now_s=NOW_S), fields, TARGET.validators) is expected
        )


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("GET", {"if_range": '"other"'}),
        ("GET", {"if_range": DATE}),
        ("GET", {"if_match": "*"}),
        ("GET", {"if_match": '"other"'}),
        ("GET", {"if_match": TAG, "if_range": '"other"'}),
        ("GET", {"if_match": TAG, "if_none_match": TAG}),
        ("GET", {"if_unmodified_since": DATE}),
        ("GET", {}),
        ("HEAD", {"if_range": TAG}),
    ],
)
def test_a_range_alone_goes_on_with_nothing(method: str, values: dict[str, str]) -> None:
    fields = RequestFields(method, range="bytes=500-", **values)
    assert not is_resumption(plan(fields, TARGET, now_s=NOW_S), fields, TARGET.validators)


def test_without_a_range_nothing_goes_on() -> None:
    fields = RequestFields("GET", if_range=TAG)
    assert not is_resumption(plan(fields, TARGET, now_s=NOW_S), fields, TARGET.validators)
