"""What can be an archive's id, and how little of it is shown."""

from __future__ import annotations

import pytest

from archive_service.archive.id import ArchiveId, InvalidArchiveId

HASH = "3bea29ccabbbf64bdebcc055319c5745"


@pytest.mark.parametrize("text", [HASH, "a", "Summer-2024_v1.0~x", "x" * 255])
def test_unreserved_characters_make_an_id(text: str) -> None:
    assert ArchiveId.parse(text).value == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "a b",
        "a\n",
        "\n",
        "a\0",
        "альбом",
        "a%2e",
        "x" * 256,
    ],
)
def test_whatever_could_leave_the_root_is_refused(text: str) -> None:
    with pytest.raises(InvalidArchiveId):
        ArchiveId.parse(text)


@pytest.mark.parametrize(
    ("text", "shown"), [(HASH, "3bea29…"), ("abcdefgh", "abcd…"), ("ab", "a…"), ("a", "…")]
)
def test_printed_it_shows_six_characters_and_at_most_half(text: str, shown: str) -> None:
    archive = ArchiveId.parse(text)
    assert str(archive) == shown
    assert text not in repr(archive)
