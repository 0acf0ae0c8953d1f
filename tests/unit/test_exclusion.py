"""What an archive leaves out."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive_service.storage.exclusion import DEFAULT_PATTERNS, Exclusion


@pytest.mark.parametrize(
    "name",
    [
        ".htaccess", ".in.photo.jpg.", ".pureftpd-upload.5f3a.15.1c2b", ".photo.jpg.AbC123",
        "photo.jpg.filepart", "photo.jpg.part", "photo.tmp", "photo.TMP", "photo.jpg.crdownload",
        "Thumbs.db", "thumbs.db", "Desktop.ini", ".DS_Store", "._photo.jpg", "__MACOSX",
    ],
)  # fmt: skip
def test_hidden_half_uploaded_and_litter_are_left_out(name: str) -> None:
    assert Exclusion(DEFAULT_PATTERNS).matches(name)


@pytest.mark.parametrize(
    "name",
    ["1.jpg", "party.jpg", "part", "tmp", "a.parted", "Thumbs.db.jpg", "x__MACOSX", "a\nb.jpg"],
)
def test_other_names_stay(name: str) -> None:
    assert not Exclusion(DEFAULT_PATTERNS).matches(name)


def test_a_newline_hides_no_name() -> None:
    assert Exclusion(["*.part"]).matches("a\nb.part")


def test_no_patterns_exclude_nothing() -> None:
    assert not Exclusion([]).matches(".hidden")


names = st.lists(
    st.text(st.sampled_from("aAbBsſkKiİıфФ.*?[]!-\\\n "), min_size=1, max_size=8)
    | st.sampled_from([".a", "a.part", "A.PART", "thumbs.db", "a.tmp.jpg", "ſ", "K"]),
    max_size=5,
)
patterns = st.lists(
    st.text(st.sampled_from("abskiıФ.*?[]!-\\"), max_size=6) | st.sampled_from(DEFAULT_PATTERNS),
    max_size=4,
)


@given(patterns, names)
@example(["s*"], ["ſ"])
@example(["*"], ["a"])
@example(["a*b"], ["a", "b"])
@example(["\0"], ["a", "b"])
def test_all_at_once_are_kept_as_one_by_one(patterns: list[str], names: list[str]) -> None:
    exclusion = Exclusion(patterns)
    assert exclusion.kept(names) == [name for name in names if not exclusion.matches(name)]
