"""What an archive leaves out."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion


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
        "photo.jpg.12280.9~",
        "photo.jpg.C29B5DC1", "photo.jpg.a1b2c3d4", "photo.jpg.x.part.minio", "photo.jpg.download",
        "photo.jpg.$$0", "photo.jpg.$$12", "photo.jpg.$$0$PART", "film.mp4.ytdl", "photo.jpg.ipull",
        "film.mp4.part-Frag1", "film.mp4.part-Frag1234", "photo.jpg.lftp-pget-status",
        "photo~8260.ffs_tmp", "sync.ffs_lock", "sync.ffs_db", "photo.jpg_exiftool_tmp",
        "photo.jpg.aria2__temp", "photo.jpg.!sync", "photo.jpg.!Sync", "tmpfile7oQ1KX",
        "hfs$upload-photo.jpg", "HFS$UPLOAD-photo.jpg", "photo.jpg.tmp-609962721723c046",
        "photo.jpg.temp", "photo.jpg3524128232", "film.mp4797303192", ".photo.jpg3524128232",
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
        "a.jpg.C29B5DC", "a.jpg.C29B5DC12", "a.C29B5DC1", "C29B5DC1.jpg", "My.Holiday.deadbeef.jpg",
        "a.jpg.$1", "$$1", "a.st", "a.minio", "download", "a.part-Frag", "a.part-Frag1.mp4",
        "tmpfile", "tmpfile7oQ1K", "tmpfile7oQ1KXy", "tmpfile12.jpg", "atmpfile7oQ1KX",
        "temp", "a.temperature", "jpg3524128232", "a.jpg20240101", "a.v202401011230",
        "DSC.3524128232", "a.jpg3524128232.jpg", "hfs", "hfs-upload.jpg", "a hfs$upload-b.jpg",
        "a.tmp-1.jpg", "a.tmp-beach", "a.tmp-20240101",
    ],
)  # fmt: skip
def test_other_names_stay(name: str) -> None:
    assert not Exclusion(DEFAULT_PATTERNS).matches(name)


def test_a_newline_hides_no_name() -> None:
    assert Exclusion(["*.part"]).matches("a\nb.part")


def test_no_patterns_exclude_nothing() -> None:
    assert not Exclusion([]).matches(".hidden")


names = st.lists(
    st.text(st.sampled_from("aAbBsſkKiİıфФ.*?[]!-\\\n "), min_size=1, max_size=8)
    | st.sampled_from(["a.jpg.$$1", "a.jpg.$$1$PART", "a.jpg.C29B5DC1", "a.mp4.part-Frag12"])
    | st.sampled_from(["tmpfile7oQ1KX", "TMPFILE7oQ1KX", "tmpfile12.jpg"])
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
        (["a.jpg", "a.jpg.lftp-pget-status"], [], ["a.jpg", "a.jpg.lftp-pget-status"]),
        (["a.jpg", "a.jpg.st", "b"], ["b"], ["a.jpg", "a.jpg.st"]),
        (["a.jpg.st", "Cat", "Cat.st"], ["a.jpg.st", "Cat", "Cat.st"], []),
        (["a.jpg.$$0", "a.jpg.$$1$PART"], [], ["a.jpg.$$0", "a.jpg.$$1$PART"]),
        (["a.jpg.C29B5DC1", "a.jpg.ipull"], [], ["a.jpg.C29B5DC1", "a.jpg.ipull"]),
        (
            [".rclone_temp_put_2561a1a0", ".sftpgo-upload.cq5.a.jpg", "tmpfile7oQ1KX"],
            [],
            [".rclone_temp_put_2561a1a0", ".sftpgo-upload.cq5.a.jpg", "tmpfile7oQ1KX"],
        ),
        (["a.jpg.aria2__temp", "b.jpg.!sync"], [], ["a.jpg.aria2__temp", "b.jpg.!sync"]),
        ([".mutagen-temporary-stage", ".#a.jpg"], [], [".mutagen-temporary-stage"]),
        ([".#a.jpg9517c04f4a6b4c47"], [], [".#a.jpg9517c04f4a6b4c47"]),
        (["a.jpg_exiftool_tmp", "a~8260.ffs_tmp"], [], ["a.jpg_exiftool_tmp", "a~8260.ffs_tmp"]),
        (["a.jpg", "sync.ffs_db", "sync.ffs_lock"], ["a.jpg"], ["sync.ffs_lock"]),
        ([".b.jpg797303192", "a.jpg.temp"], [], [".b.jpg797303192", "a.jpg.temp"]),
        (["a.jpg", "hfs$upload-b.jpg"], ["a.jpg"], ["hfs$upload-b.jpg"]),
        (["a.jpg", "a.jpg.tmp-609962721723c046"], ["a.jpg"], ["a.jpg.tmp-609962721723c046"]),
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
