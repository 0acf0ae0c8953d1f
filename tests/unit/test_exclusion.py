"""What an archive leaves out."""

from __future__ import annotations

import pytest

from archive_service.storage.exclusion import DEFAULT_PATTERNS, Exclusion


@pytest.mark.parametrize(
    "name",
    [
        ".htaccess", ".in.photo.jpg.", ".pureftpd-upload.5f3a.15.1c2b", ".photo.jpg.AbC123",
        "photo.jpg.filepart", "photo.jpg.part", "photo.tmp", "photo.TMP", "photo.jpg.crdownload",
        "Thumbs.db", "thumbs.db", "Desktop.ini", ".DS_Store", "._photo.jpg", "__MACOSX",
        "@eaDir", "#recycle", "#snapshot", ".@__thumb", "@Recycle", ".Spotlight-V100", ".Trashes",
        "$RECYCLE.BIN", "System Volume Information", "lost+found", ".snapshot", ".stfolder",
        "photo.jpg.3336ac4e.partial", "photo.jpg.PARTIAL", "photo.jpg.aria2", "a.jpg.0009712963",
        ".unison.photo.jpg.1a2b.unison.tmp", ".goutputstream-AbC123", ".~tmp~", "photo.jpg.!ut",
    ],
)  # fmt: skip
def test_hidden_half_uploaded_and_litter_are_left_out(name: str) -> None:
    assert Exclusion(DEFAULT_PATTERNS).matches(name)


@pytest.mark.parametrize(
    "name",
    [
        "1.jpg", "party.jpg", "part", "tmp", "a.parted", "Thumbs.db.jpg", "x__MACOSX", "a\nb.jpg",
        "Icon", "Icons", "eaDir", "recycle", "0009712963", "photo.0009712963", "a.jpg.20240101",
        "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef.json",
    ],
)  # fmt: skip
def test_other_names_stay(name: str) -> None:
    assert not Exclusion(DEFAULT_PATTERNS).matches(name)


def test_a_newline_hides_no_name() -> None:
    assert Exclusion(["*.part"]).matches("a\nb.part")


def test_no_patterns_exclude_nothing() -> None:
    assert not Exclusion([]).matches(".hidden")


ID = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("names", "kept", "uploads"),
    [
        (["a.jpg", "a.jpg.aria2", "b.jpg"], ["b.jpg"], ["a.jpg", "a.jpg.aria2"]),
        (["a.jpg.aria2"], [], ["a.jpg.aria2"]),
        ([ID, f"{ID}.json", "b"], ["b"], [ID, f"{ID}.json"]),
        ([f"{ID}.info", ID], [], [ID, f"{ID}.info"]),
        ([f"{ID}.json", "b"], [f"{ID}.json", "b"], []),
        ([".a.jpg.AbC123", "Thumbs.db", ".hidden", "b"], ["b"], [".a.jpg.AbC123"]),
        (["a.jpg.0009712963", "a.jpg"], ["a.jpg"], ["a.jpg.0009712963"]),
        (["@eaDir", "b"], ["b"], []),
    ],
)
def test_uploads_are_told_from_litter(
    names: list[str], kept: list[str], uploads: list[str]
) -> None:
    found = Exclusion(DEFAULT_PATTERNS).sort(names)
    assert (list(found.kept), list(found.uploads)) == (kept, uploads)
    everything = Exclusion([]).sort(names)
    assert (list(everything.kept), list(everything.uploads)) == (names, [])


def test_litter_is_known_as_such() -> None:
    exclusion = Exclusion(DEFAULT_PATTERNS)
    assert exclusion.sort(["a", ".DS_Store"]).has_litter
    assert not exclusion.sort(["a", ".a.AbC123"]).has_litter
    assert exclusion.is_litter("@eaDir")
    assert not exclusion.is_litter("1.jpg.part")
    assert not exclusion.is_litter("1.jpg")


def test_a_name_may_be_kept_by_what_is_beside_it() -> None:
    found = Exclusion(DEFAULT_PATTERNS).sort(["a.jpg", "a.jpg.PARTIAL", "b.jpg"])
    assert "a.jpg" in found.placeholders
    assert "b.jpg" not in found.placeholders
