"""RequestFields: which field lines count, and what a repeated one means."""

from __future__ import annotations

import pytest

from archive_service.http.request_fields import RequestFields


def test_field_names_are_case_insensitive() -> None:  # RFC 9110 section 5.1
    fields = RequestFields.of("GET", [("RANGE", "bytes=0-1"), ("if-none-MATCH", '"a"')])
    assert (fields.range, fields.if_none_match) == ("bytes=0-1", '"a"')


def test_fields_that_were_not_sent_are_none() -> None:
    assert RequestFields.of("HEAD", [("Host", "example.org")]) == RequestFields("HEAD")


@pytest.mark.parametrize(
    ("name", "attribute"), [("If-Match", "if_match"), ("If-None-Match", "if_none_match")]
)
def test_lines_of_a_list_field_are_joined_in_order(name: str, attribute: str) -> None:
    # RFC 9110 section 5.3
    fields = RequestFields.of("GET", [(name, '"a"'), ("Host", "x"), (name, '"b", "c"')])
    assert getattr(fields, attribute) == '"a", "b", "c"'


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("Range", "range"),  # RFC 9110 section 5.3
        ("If-Range", "if_range"),
        ("If-Modified-Since", "if_modified_since"),  # RFC 9110 section 13.1.3
        ("If-Unmodified-Since", "if_unmodified_since"),  # RFC 9110 section 13.1.4
    ],
)
def test_a_repeated_singleton_stays_present_but_means_nothing(name: str, attribute: str) -> None:
    fields = RequestFields.of("GET", [(name, "bytes=0-1"), (name, "bytes=0-1")])
    assert getattr(fields, attribute) == ""


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Range", "If-Range"), True),
        (("Range", "If-Match"), True),
        (("Range",), False),
        (("If-Range", "If-Match"), False),
        (("Range", "If-None-Match", "If-Unmodified-Since"), False),
    ],
)
def test_what_may_go_on_is_a_range_that_is_guarded(names: tuple[str, ...], expected: bool) -> None:
    assert RequestFields.of("GET", [(name, "") for name in names]).can_be_resumption() is expected
