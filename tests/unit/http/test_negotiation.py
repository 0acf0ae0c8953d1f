"""Negotiation: the oracle is RFC 9110 section 12.5 and RFC 4647 section 3.4."""

from __future__ import annotations

import pytest

from archive_service.http.negotiation import preferred

FORMS = ("text/html", "application/json")
LANGUAGES = ("en", "ru")
CHROMIUM = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, "text/html"),  # section 12.4.1: absence is no preference
        ("", "text/html"),
        ("*/*", "text/html"),  # curl, wget
        (CHROMIUM, "text/html"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),  # section 8.3.1
        ("application/json, text/plain, */*", "application/json"),  # axios
        ("application/*", "application/json"),
        ("text/*;q=0.3, application/json;q=0.7", "application/json"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("text/html;q=0, */*", "application/json"),  # section 12.4.2: 0 is not acceptable
        ("text/*;q=0, */*;q=0.1", "application/json"),  # section 12.5.1: precedence
        ("*/*;q=1.0, text/html;q=0.1", "application/json"),
        ("*/*, application/json", "application/json"),
        ("application/json, text/html", "application/json"),
        ("application/json ; Q=0.5 , text/html;q=0.4", "application/json"),
        ("application/json;charset=utf-8", "application/json"),
        ("nonsense", "text/html"),
        ("image/png", "text/html"),  # section 12.4.1: the field may be disregarded
        ("*/*;q=0", "text/html"),
        ("application/json;q=2", "text/html"),  # a malformed weight disqualifies its range
        ("application/json;q=", "text/html"),
        ("application/json;q=0.1234", "text/html"),
        ("application/json;q=-1", "text/html"),
        (",;,;q=1,/,*", "text/html"),
        ("text/html;q=0", "application/json"),  # section 12.4.2, and nothing said of the other
        ("application/json;q=0", "text/html"),
        ("text/html;q=0, application/json;q=0", "text/html"),
    ],
)
def test_media_types(field: str | None, expected: str) -> None:
    assert preferred(field, FORMS) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, "en"),
        ("ru", "ru"),
        ("RU", "ru"),
        ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", "ru"),
        ("en-GB,en;q=0.9,ru;q=0.8", "en"),
        ("ru-RU", "ru"),  # RFC 4647 section 3.4: lookup
        ("ru-Cyrl-RU", "ru"),
        ("rue", "en"),  # Rusyn is not Russian
        ("da, en-GB;q=0.8, ru;q=0.7", "en"),  # after the example of section 12.5.4
        ("en-GB;q=0.8, en;q=0.5, ru;q=0.7", "en"),
        ("en-GB;q=0, en;q=0.5, ru;q=0.4", "en"),
        ("en;q=0, *", "ru"),
        ("ru, en", "ru"),  # section 12.5.4: order among equals
        ("en, ru", "en"),
        ("*", "en"),
        ("de, fr", "en"),
        (";;;,q=", "en"),
        ("ru;q=2", "en"),
        ("", "en"),
        ("en;q=0", "ru"),  # section 12.4.2: 0 is not acceptable
        ("ru;q=0", "en"),
        ("ru;q=0.5", "ru"),  # what is not mentioned comes after what is
        ("ru;q=1.0, en", "ru"),  # section 12.4.2: the default weight is 1
        ("ru;q=0.1, ru;q=0.9, en;q=0.5", "en"),  # of a range said twice, the first counts
        ("ru-RU;q=0.1, ru-RU-x;q=0.9, en;q=0.5", "ru"),  # the more specific counts
        ("*;q=0.5, en;q=0.4", "ru"),  # an asterisk stands for what is not mentioned
        ("Xru", "en"),
        ("ru\x0b", "en"),  # no whitespace to a field (section 5.6.3)
    ],
)
def test_languages(field: str | None, expected: str) -> None:
    assert preferred(field, LANGUAGES) == expected
