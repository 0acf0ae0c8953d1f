"""Keys of an object store as files and directories of an album."""

from __future__ import annotations

import pytest

from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.listing import Listing
from archive_service.archive.naming import NameRules, archive_names
from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.s3.answer_checks import Found
from archive_service.storage.s3.keys import Tree
from archive_service.storage.s3.location import S3Location

PREFIX = b"photos/hash/"
T = 1_700_000_000


def tree(*keys: str | bytes, exclude: tuple[str, ...] = (), modified_s: int = T) -> Tree:
    made = Tree(PREFIX, Exclusion(exclude), lambda _reason: None)
    made.add(
        Found(PREFIX + (key if isinstance(key, bytes) else key.encode()), 1, modified_s, b'"e"')
        for key in keys
    )
    return made


def paths(*keys: str | bytes, exclude: tuple[str, ...] = ()) -> list[str]:
    return [path.decode() for path in tree(*keys, exclude=exclude).listing().paths]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["a", "b/c"], ["a", "b/c"]),
        ([""], []),
        (["a/"], ["a/"]),
        (["a/", "a/b"], ["a/b"]),
        (["a/", "a/b/"], ["a/", "a/b/"]),
        (["a", "a/b"], ["a", "a/b"]),
        (["a", "a/"], ["a", "a/"]),
        (["a//b", "a/b"], ["a//b", "a/b"]),
        (["a//"], ["a/", "a//"]),
        (["/a"], ["/a"]),
        (["/"], ["/"]),
        (["../a", "b/../c", "./d"], ["../a", "./d", "b/../c"]),
        (["a\nb", "c\0d"], ["a\nb", "c\0d"]),
    ],
)
def test_every_key_is_listed_as_it_is(keys: list[str], expected: list[str]) -> None:
    assert paths(*keys) == expected
    names = archive_names([path.encode() for path in expected], NameRules(portable=False))
    components = [name.rstrip(b"/").split(b"/") for name in names]
    assert not any({b"", b".", b".."} & set(path) for path in components)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([".a", "b"], ["b"]),
        (["a/.b"], ["a/"]),
        ([".git/a/b", "c"], ["c"]),
        (["a/.git/b"], ["a/"]),
        (["a/Thumbs.db", "a/b/.c"], ["a/", "a/b/"]),
        (["../a", "b/./c"], ["b/"]),
        ([".a"], []),
        (["a", "a.aria2", "b/@eaDir/c", "b/d"], ["b/d"]),
    ],
)
def test_exclusions_hold_for_each_part_of_a_key(keys: list[str], expected: list[str]) -> None:
    assert paths(*keys, exclude=DEFAULT_PATTERNS) == expected


def test_a_key_that_is_not_utf_8_is_left_out_and_told_of() -> None:
    told: list[str] = []
    made = Tree(PREFIX, Exclusion(()), told.append)
    made.add([Found(PREFIX + key, 1, T, b"e") for key in (b"\xff", b"\xff/a", b"b")])
    assert made.listing().paths == [b"b"]
    assert told == ["not UTF-8"] * 2


def test_there_is_no_album_without_any_key() -> None:
    assert not tree()
    assert tree("")
    assert tree(".hidden")


def test_times_are_those_of_the_objects() -> None:
    made = tree("a/1", modified_s=T)
    made.add([Found(PREFIX + b"b/.hidden", 1, T + 5, b"e")])
    made.add([Found(PREFIX + b"c/d/", 0, T + 3, b"e")])
    listing = made.listing()
    assert dict(zip(listing.paths, listing.mtimes_ns, strict=True)) == {
        b"a/1": T * 10**9,
        b"b/.hidden": (T + 5) * 10**9,
        b"c/": (T + 3) * 10**9,
        b"c/d/": (T + 3) * 10**9,
    }
    assert listing.newest_change_ns == listing.newest_mtime_ns == (T + 5) * 10**9


@pytest.mark.parametrize(
    "litter", [b".DS_Store", b"a/Thumbs.db", b"@eaDir/x", b".git/a/b", b"b/.DS_Store"]
)
def test_litter_has_no_time(litter: bytes) -> None:
    found = []
    for modified_s in (T + 1, T + 2):
        made = tree("a/1", exclude=DEFAULT_PATTERNS, modified_s=T)
        made.add([Found(PREFIX + litter, 1, modified_s, b"e")])
        found.append(made.listing())
    assert found[0].newest_change_ns == T * 10**9
    assert fingerprint_of(found[0]) == fingerprint_of(found[1])


def test_an_upload_that_is_left_out_has_a_time() -> None:
    made = tree("a/1", exclude=DEFAULT_PATTERNS, modified_s=T)
    made.add([Found(PREFIX + b"a/2.jpg.part", 1, T + 1, b"e")])
    assert made.listing().newest_change_ns == (T + 1) * 10**9


def test_the_order_of_the_answers_changes_nothing() -> None:
    keys = ["b/1", "a/1", "b/2", "c/", "d/e/.x", "d/e/y"]
    forwards, backwards = tree(*keys).listing(), tree(*reversed(keys)).listing()
    assert fingerprint_of(forwards) == fingerprint_of(backwards)


def with_etag(etag: bytes) -> Listing:
    made = Tree(PREFIX, Exclusion(()), lambda _reason: None)
    made.add([Found(PREFIX + b"a", 1, T, etag)])
    return made.listing()


def test_the_change_token_is_that_of_the_entity_tag() -> None:
    tokens = [with_etag(etag).change_token(0) for etag in (b'"1"', b'"1-2"', b'"1"')]
    assert tokens[0] == tokens[2] != tokens[1]
    assert {len(token) for token in tokens} == {16}


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("s3://photos", "photos", ""),
        ("s3://photos/", "photos", ""),
        ("s3://my.photos-1/a", "my.photos-1", "a/"),
        ("s3://photos/a/b c/", "photos", "a/b c/"),
    ],
)
def test_a_location_is_a_bucket_and_a_prefix(text: str, bucket: str, prefix: str) -> None:
    assert S3Location.parse(text) == S3Location(bucket, prefix)
    assert S3Location.parse(str(S3Location(bucket, prefix))) == S3Location(bucket, prefix)


@pytest.mark.parametrize("text", ["s3://", "s3:///a", "s3://a b/c", "s3://-a", "s4://a", "s3://a"])
def test_other_texts_are_no_location(text: str) -> None:
    with pytest.raises(ValueError, match="no address of a bucket"):
        S3Location.parse(text)


@pytest.mark.parametrize("modified_s", [-62_135_596_800, -1, 0, 253_402_300_799])
def test_an_object_of_any_year_is_listed(modified_s: int) -> None:
    made = Tree(PREFIX, Exclusion(()), lambda _reason: None)
    made.add(
        [Found(PREFIX + b"a/1", 1, modified_s, b"e"), Found(PREFIX + b"b/", 0, modified_s, b"e")]
    )
    listing = made.listing()
    held_ns = min(max(modified_s * 10**9, -(2**63)), 2**63 - 1)
    assert list(listing.mtimes_ns) == [held_ns, held_ns]
    assert listing.newest_change_ns == max(held_ns, 0)
    assert fingerprint_of(listing)
