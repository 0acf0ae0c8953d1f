"""What holds for the names of every album."""

from __future__ import annotations

import re
from random import Random
from unicodedata import is_normalized, normalize

from hypothesis import given
from hypothesis import strategies as st

from archive_service.archive.naming import (
    MAX_COMPONENT_BYTES,
    NameRules,
    archive_names,
    original_name,
)

PORTABLE = NameRules()
RULES = st.builds(NameRules, st.booleans(), st.sampled_from(["cp1251", "cp866", "latin-1"]))
FORBIDDEN = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]')
DEVICE = re.compile(r"(?i)(con|prn|aux|nul|(com|lpt)[0-9¹²³]|con(in|out)\$) *(\.|$)")

# Few pieces, so that names meet; the directories among them are the same for many paths.
PIECES = [
    *(b"a", b"A", b"b.jpg", b".JPG", b".", b" ", b":", b"_", b" (2)", b"con", b"NUL", b"com1"),
    *(
        "я".encode(),
        "Я".encode(),
        "й".encode(),
        "ß".encode(),
        "и\u0306".encode(),
        "я".encode("cp1251"),
        b"\x98",
        b"\xd4",
        b"\n",
        b"\\",
    ),
    *("\u202e".encode(), b"x" * 250, "я".encode("cp1251") * 130, "👰".encode() * 62),
]
any_component = st.binary(max_size=12).map(lambda raw: raw.replace(b"/", b""))
near_miss = st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map(b"".join)
component = st.one_of(near_miss, near_miss, any_component)
plain_component = st.sampled_from(
    [
        b"a",
        b"A",
        b"b",
        b"B",
        b"a.jpg",
        b"A.JPG",
        b"a (2)",
        b"a (2).jpg",
        b"concert",
        b".b",
        b"com 1",
    ]
)
nearly_plain_component = st.sampled_from(
    [b"", b".", b"b.", b"b ", b"a:b", b"a\nb", b"con", b"AUX.c", b"nul .x", b"x" * 255, b"x" * 256]
)


def albums(components: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[bytes]]:
    path = st.builds(
        lambda parts, end: b"/".join(parts) + end,
        st.lists(components, min_size=1, max_size=3),
        st.sampled_from([b"", b"", b"/"]),
    )
    return st.lists(path.filter(bool), max_size=12, unique=True)


def disk_key(name: bytes) -> str:
    """Return what a caseless disk compares (Unicode 3.13, D145)."""
    decomposed = normalize("NFD", name.decode())
    return normalize("NFD", decomposed.casefold())


def parents(name: bytes) -> list[bytes]:
    parts = name.removesuffix(b"/").split(b"/")
    return [b"/".join(parts[:depth]) for depth in range(1, len(parts))]


def places(name: bytes) -> list[bytes]:
    return [*parents(name), name.removesuffix(b"/")]


@given(albums(component))
def test_portable_names_are_safe_everywhere(paths: list[bytes]) -> None:
    for name in archive_names(paths, PORTABLE):
        for part in name.removesuffix(b"/").split(b"/"):
            text = part.decode()
            assert 0 < len(part) <= MAX_COMPONENT_BYTES
            assert text[-1] not in ". "
            assert not FORBIDDEN.search(text)
            assert not DEVICE.match(text)


@given(albums(component), RULES)
def test_no_name_leads_out_of_the_archive(paths: list[bytes], rules: NameRules) -> None:
    for name in archive_names(paths, rules):
        parts = name.removesuffix(b"/").split(b"/")
        assert not {b"", b".", b".."} & set(parts)
        assert b"\\" not in name
        assert b"\0" not in name
        assert name.decode()[1:2] != ":"


@given(albums(component))
def test_no_two_files_or_directories_are_one_on_a_caseless_disk(paths: list[bytes]) -> None:
    names = archive_names(paths, PORTABLE)
    sources: dict[str, tuple[bytes, bool]] = {}
    for path, name in zip(paths, names, strict=True):
        for stored, place in zip(places(path), places(name), strict=True):
            is_directory = stored != path  # with its slash, or above the path
            source = stored, is_directory
            assert sources.setdefault(disk_key(place), source) == source


@given(albums(component), RULES)
def test_names_keep_the_shape_of_their_paths(paths: list[bytes], rules: NameRules) -> None:
    names = archive_names(paths, rules)
    assert len(set(names)) == len(paths)
    for path, name in zip(paths, names, strict=True):
        assert name.count(b"/") == path.count(b"/")
        assert name.endswith(b"/") == path.endswith(b"/")
        assert is_normalized("NFC", name.decode())


@given(albums(st.one_of(component, plain_component)), RULES, st.randoms(use_true_random=False))
def test_names_depend_on_the_set_of_paths_alone(
    paths: list[bytes], rules: NameRules, random: Random
) -> None:
    named = dict(zip(paths, archive_names(paths, rules), strict=True))
    shuffled = random.sample(paths, len(paths))
    assert archive_names(shuffled, rules) == [named[path] for path in shuffled]


@given(albums(component), albums(component), RULES)
def test_names_do_not_depend_on_other_directories(
    paths: list[bytes], others: list[bytes], rules: NameRules
) -> None:
    here = [b"here/" + path for path in paths]
    there = [b"there/" + path for path in others]
    assert archive_names(here + there, rules)[: len(here)] == archive_names(here, rules)


@given(albums(plain_component) | albums(st.one_of(plain_component, nearly_plain_component)), RULES)
def test_the_proof_that_names_are_plain_changes_nothing(
    paths: list[bytes], rules: NameRules
) -> None:
    # A name that is not ASCII, and that nothing here collides with, forbids the proof.
    proof_breaker = "я".encode()
    assert archive_names([*paths, proof_breaker], rules)[:-1] == archive_names(paths, rules)


@given(albums(component), RULES)
def test_names_named_again_stay(paths: list[bytes], rules: NameRules) -> None:
    names = archive_names(paths, rules)
    assert archive_names(names, rules) == names


@given(st.binary(max_size=40), RULES)
def test_an_original_name_can_be_written_as_utf_8(path: bytes, rules: NameRules) -> None:
    name = original_name(path, rules)
    assert name.encode().count(b"/") == path.count(b"/")
    assert is_normalized("NFC", name)
