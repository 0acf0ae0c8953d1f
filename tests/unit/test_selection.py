"""The text for chosen entries: what it says comes back, it is short, and nothing else is read."""

from __future__ import annotations

import random
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.archive.errors import BadQuery, SelectionOutdated
from archive_service.archive.selection import decoded, encoded

HEAD_BYTES = 9


def names_of(count: int) -> list[bytes]:
    return [f"{number:06}.jpg".encode() for number in range(count)]


@given(st.data(), st.integers(1, 3000))
def test_chosen_entries_come_back(data: st.DataObject, count: int) -> None:
    entries = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    assert decoded(encoded(entries, names_of(count)), names_of(count)) == sorted(entries)


@pytest.mark.parametrize(
    ("entries", "most_characters"),
    [
        (random.Random(1).sample(range(10_000), 1000), 950),
        (range(5000, 6000), 40),
        (range(10_000), 60),
        (range(0, 10_000, 2), 60),
        (random.Random(1).sample(range(10_000), 5000), 1800),
    ],
)
def test_text_is_short(entries: Sequence[int], most_characters: int) -> None:
    text = encoded(entries, names_of(10_000))
    assert len(text) <= most_characters
    assert text.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "names", [names_of(11), names_of(9), [b"0.jpg", *names_of(10)[1:]], names_of(10)[::-1]]
)
def test_other_names_make_it_outdated(names: Sequence[bytes]) -> None:
    with pytest.raises(SelectionOutdated):
        decoded(encoded([1, 2], names_of(10)), names)


def with_numbers(deflated: bytes, count: int = 10) -> str:
    """Return a text with a sound head and the rest given."""
    text = encoded([1], names_of(count))
    head = urlsafe_b64decode(text + "=" * (-len(text) % 4))[:HEAD_BYTES]
    return urlsafe_b64encode(head + deflated).rstrip(b"=").decode()


def deflated(numbers: bytes) -> bytes:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return deflater.compress(numbers) + deflater.flush()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "AAAAA",
        "====",
        "AQ",
        "a b",
        "+/+/+/+/+/+/+/+/",
        "Ж" * 16,
        "\udcff" * 16,
        "\n" + encoded([1], names_of(10)),
        encoded([1], names_of(10)) + "=",
        "B" + encoded([1], names_of(10))[1:],  # another format
        encoded([1], names_of(10))[:-1],
        with_numbers(b""),
        with_numbers(b"\xff\xff"),
        with_numbers(deflated(b"\1") + b"more"),
        with_numbers(deflated(b"")),  # nothing chosen
        with_numbers(deflated(b"\x0a")),  # beyond the last entry
        with_numbers(deflated(b"\x80")),  # a number without an end
        with_numbers(deflated(b"\x80\x80\x80\x80\x80\x01")),  # a number too long
        with_numbers(deflated(b"\0" * 11)),
        with_numbers(deflated(b"\0" * 10**7)),  # inflated no further than it may be
        with_numbers(deflated(b"\x80" * 10**6), 10**5),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    names = names_of(10**5 if len(text) > 1000 else 10)
    with pytest.raises((BadQuery, SelectionOutdated)):
        decoded(text, names)
