"""Entity tags: the oracle is RFC 9110 section 8.8.3."""

from __future__ import annotations

import pytest

from archive_service.http.tag_comparison import (
    is_entity_tag,
    parse_entity_tags,
    strong_match,
    weak_match,
)


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ('"xyzzy"', ['"xyzzy"']),  # section 8.8.3
        ('W/"xyzzy"', ['W/"xyzzy"']),
        ('""', ['""']),
        ('"xyzzy", "r2d2xxxx", "c3piozzzz"', ['"xyzzy"', '"r2d2xxxx"', '"c3piozzzz"']),  # 13.1.1
        ('"a" ,\tW/"b","c"', ['"a"', 'W/"b"', '"c"']),  # OWS, section 5.6.1
        (', "a",, ,"b",', ['"a"', '"b"']),  # empty members, section 5.6.1.2
        ('"a,b", "c"', ['"a,b"', '"c"']),  # a comma is an etagc
        (r'"a\", "b"', [r'"a\"', '"b"']),  # a backslash is an etagc and no escape
        ('"caf\xe9", "архив"', ['"caf\xe9"', '"архив"']),  # obs-text, as decoded
        ("", []),
        (" , ,", []),
    ],
)
def test_lists_are_read(value: str, tags: list[str]) -> None:
    assert list(parse_entity_tags(value)) == tags


@pytest.mark.parametrize(
    "value",
    [
        "xyzzy",  # no quotes
        '"a", b, "c"',
        '"a" "b"',  # no comma
        '"a',
        'w/"a"',  # weak = %s"W/", case-sensitive
        'W/ "a"',
        '"a b"',  # a space is no etagc
        '"a\tb"',
        '"a\x7fb"',
        '*, "a"',  # section 13.1.1: syntactically invalid
        '"a"\n',
    ],
)
def test_a_malformed_list_has_no_members(value: str) -> None:
    assert parse_entity_tags(value) == ()


def test_a_long_run_of_spaces_is_read_in_linear_time() -> None:
    assert parse_entity_tags('"a",' + " " * 1_000_000 + "x") == ()


@pytest.mark.parametrize(
    ("value", "expected"), [('"a"', True), ('W/"a"', True), ('"a", "b"', False), ("*", False)]
)
def test_one_entity_tag_is_told_from_anything_else(value: str, expected: bool) -> None:
    assert is_entity_tag(value) is expected


@pytest.mark.parametrize(
    ("tag", "other", "strong", "weak"),
    [  # the table of RFC 9110 section 8.8.3.2
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
        ('"W/1"', '"1"', False, False),
    ],
)
def test_comparison(tag: str, other: str, strong: bool, weak: bool) -> None:
    assert (strong_match(tag, other), weak_match(tag, other)) == (strong, weak)
    assert (strong_match(other, tag), weak_match(other, tag)) == (strong, weak)
