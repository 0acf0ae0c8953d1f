"""Signed links: properties that hold for any link, key and request."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from hypothesis import assume, given
from hypothesis import strategies as st

from archive_service.archive.signed_link import (
    LATEST_EXPIRY_S,
    Link,
    LinkVerdict,
    SigningPolicy,
    judge,
)

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
# Texts that look like pieces of a link, for whatever takes one for a separator.
pieces = st.sampled_from(
    ["&", "=", "?", "/", "%", "+", " ", "\n", "file", "name", "&file=", "%26", "a", "1"]
)
look_alikes = st.lists(pieces, max_size=6).map("".join)
values = any_text | look_alikes
keys = st.binary(min_size=16, max_size=40)
links = st.builds(
    Link,
    values,
    st.integers(0, LATEST_EXPIRY_S),
    st.lists(values, max_size=2).map(tuple),
    st.lists(values, max_size=4).map(tuple),
)
QUERY_NAMES = ("expires", "name", "file", "signature")


def query_of(link: Link, signature: str) -> list[tuple[str, str]]:
    return [
        ("expires", str(link.expires_s)),
        *(("name", name) for name in link.names),
        *(("file", file) for file in link.files),
        ("signature", signature),
    ]


@given(links, keys, st.integers(0, LATEST_EXPIRY_S), st.integers(0, 10**6))
def test_signed_link_is_good_until_it_expires(
    link: Link, key: bytes, now_s: int, grace_s: int
) -> None:
    query = query_of(link, link.signature(key))
    expected = LinkVerdict.LAPSED if now_s < link.expires_s + grace_s else LinkVerdict.EXPIRED
    expected = LinkVerdict.GOOD if now_s < link.expires_s else expected
    assert judge(link.archive, query, SigningPolicy([key], grace_s), now_s=now_s) is expected


@given(links, links)
def test_two_links_never_have_one_text(one: Link, other: Link) -> None:
    assert (one.text() == other.text()) is (one == other)


@given(links, st.data())
def test_value_that_reads_like_two_is_another_link(link: Link, data: st.DataObject) -> None:
    assume(len(link.files) >= 2)
    joint = data.draw(st.sampled_from(["&file=", "\n", "", ",", "%26file%3D"]))
    merged = replace(link, files=(joint.join(link.files[:2]), *link.files[2:]))
    assert merged.text() != link.text()


@given(links)
def test_text_is_a_link_that_says_the_same(link: Link) -> None:
    text = link.text()
    assert text.isascii()
    assert text.isprintable()
    assert not set(text) & set(" \"'<>()")
    query = parse_qsl(urlsplit(text).query, keep_blank_values=True, errors="surrogatepass")
    assert query == query_of(link, "")[:-1]


@given(links, keys, st.data())
def test_any_change_of_what_is_covered_makes_the_signature_wrong(
    link: Link, key: bytes, data: st.DataObject
) -> None:
    changed = data.draw(
        st.one_of(
            st.builds(lambda value: replace(link, archive=value), values),
            st.builds(lambda value: replace(link, expires_s=value), st.integers(0, 10**10)),
            st.builds(lambda value: replace(link, names=value), st.lists(values).map(tuple)),
            st.builds(lambda value: replace(link, files=value), st.lists(values).map(tuple)),
            st.permutations(link.files).map(lambda value: replace(link, files=tuple(value))),
            st.just(replace(link, names=link.files, files=link.names)),
        )
    )
    assume(changed != link)
    query = query_of(changed, link.signature(key))
    assert judge(changed.archive, query, SigningPolicy([key], 0), now_s=0) is LinkVerdict.NOT_SIGNED


@given(links, keys, keys)
def test_another_key_signs_otherwise(link: Link, key: bytes, other: bytes) -> None:
    assume(key.rstrip(b"\0") != other.rstrip(b"\0"))  # RFC 2104: a key is filled up with zeros
    query = query_of(link, link.signature(other))
    assert judge(link.archive, query, SigningPolicy([key], 0), now_s=0) is LinkVerdict.NOT_SIGNED


@given(values, st.lists(st.tuples(st.sampled_from(QUERY_NAMES) | any_text, values)), keys)
def test_what_nobody_has_signed_is_not_signed(
    archive: str, query: list[tuple[str, str]], key: bytes
) -> None:
    assert judge(archive, query, SigningPolicy([key], 0), now_s=0) is LinkVerdict.NOT_SIGNED
