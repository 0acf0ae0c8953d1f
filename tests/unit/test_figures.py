"""Figures as people read them; plural categories are those of CLDR."""

from __future__ import annotations

import pytest

from archive_service.web.pages.render import number_text, plural_category, size_text


@pytest.mark.parametrize(
    ("size_bytes", "russian", "english"),
    [
        (0, "0 Б", "0 bytes"),
        (999, "999 Б", "999 bytes"),
        (1000, "1,0 КБ", "1.0 KB"),
        (9_949, "9,9 КБ", "9.9 KB"),
        (9_999, "10 КБ", "10 KB"),
        (999_499, "999 КБ", "999 KB"),
        (999_500, "1,0 МБ", "1.0 MB"),
        (2_180_000_000, "2,2 ГБ", "2.2 GB"),
        (5 * 10**15, "5000 ТБ", "5000 TB"),
    ],
)
def test_size(size_bytes: int, russian: str, english: str) -> None:
    found = [size_text(size_bytes, language) for language in ("ru", "en")]
    assert [text.replace("\u00a0", " ") for text in found] == [russian, english]


@pytest.mark.parametrize(
    ("category", "numbers"),
    [("one", (1, 21, 101)), ("few", (2, 4, 22, 104)), ("many", (0, 5, 11, 12, 14, 111, 112, 25))],
)
def test_russian_plurals(category: str, numbers: tuple[int, ...]) -> None:
    assert {plural_category(number, "ru") for number in numbers} == {category}


def test_english_plurals_and_thousands() -> None:
    assert [plural_category(number, "en") for number in (0, 1, 2, 21)] == [
        "other",
        "one",
        "other",
        "other",
    ]
    assert number_text(12345, "en") == "12,345"
    assert number_text(12345, "ru") == "12\u00a0345"
