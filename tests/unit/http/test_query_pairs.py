"""Queries as they come, spoilt ones included; the oracle for sound ones is urllib.parse."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.http.query_pairs import query_pairs


@given(st.text(st.sampled_from("ab=&%C3A9+;#? ж")))
def test_a_sound_query_is_read_as_forms_are(query: str) -> None:
    expected = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    assert list(query_pairs(query).pairs) == expected
    assert not query_pairs(query).is_ambiguous


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("file=1.jpg&amp;file=2.jpg", [("file", "1.jpg"), ("file", "2.jpg")]),
        ("file=1&amp;amp;file=2", [("file", "1"), ("file", "2")]),  # escaped twice
        ("file=1&AMP;file=2", [("file", "1"), ("file", "2")]),
        ("file=1&amp%3Bfile=2", [("file", "1"), ("file", "2")]),
        ("file=1&amp;file=", [("file", "1"), ("file", "")]),
        ("amp=1&ampere=2&a;amp;b=3", [("amp", "1"), ("ampere", "2"), ("a;amp;b", "3")]),
        ("file=a%26amp;b", [("file", "a&amp;b")]),  # a value
    ],
)
def test_an_escaped_ampersand_is_a_separator(query: str, pairs: list[tuple[str, str]]) -> None:
    read = query_pairs(query)
    assert list(read.pairs) == pairs
    assert not read.is_ambiguous


@pytest.mark.parametrize("query", ["name=A&amp;B", "name=A+&amp;+B", "name=A&amp;amp;B"])
def test_what_may_be_a_part_of_a_value_is_ambiguous(query: str) -> None:
    assert query_pairs(query).is_ambiguous


@pytest.mark.parametrize("query", ["name=A&amp;", "name=A&amp;&amp;file=1", "name=A&amp;summary"])
def test_before_nothing_or_a_parameter_without_a_value_it_is_not(query: str) -> None:
    assert not query_pairs(query).is_ambiguous


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("file[]=1&file[]=2", [("file", "1"), ("file", "2")]),
        ("file%5B%5D=1", [("file", "1")]),
        ("file%5B0%5D=1&file%5B10%5D=2", [("file", "1"), ("file", "2")]),  # http_build_query of PHP
        ("name=x&amp;file[]=1", [("name", "x"), ("file", "1")]),
        ("file[a]=1&[]file=2&file[][=3", [("file[a]", "1"), ("[]file", "2"), ("file[][", "3")]),
        ("file=1[]", [("file", "1[]")]),  # a value
    ],
)
def test_a_list_as_php_writes_it_is_the_parameter_repeated(
    query: str, pairs: list[tuple[str, str]]
) -> None:
    assert list(query_pairs(query).pairs) == pairs
