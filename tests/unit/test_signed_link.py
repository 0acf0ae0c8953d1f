"""Signed links: the canonical text, and what becomes of a link."""

from __future__ import annotations

import hmac
import subprocess
from collections.abc import Sequence

import pytest
from harness.readers import need

from archive_service.archive.signed_link import (
    LATEST_EXPIRY_S,
    Link,
    LinkVerdict,
    SigningPolicy,
    judge,
)

HASH = "0123456789abcdef0123456789abcdef"
KEY, OTHER_KEY = b"a key of the site", b"another key of it"
EXPIRES_S = 1_790_000_000
GRACE_S = 600
POLICY = SigningPolicy([KEY], GRACE_S)

Query = list[tuple[str, str]]


def signed(*more: tuple[str, str], key: bytes = KEY, expires: str = str(EXPIRES_S)) -> Query:
    """Return the query of a link, signed as the documents say."""
    text = f"/archive/{HASH}/?expires={expires}"
    text += "".join(f"&{name}={value}" for name, value in more)
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    return [("expires", expires), *more, ("signature", signature)]


def verdict(
    query: Query, *, policy: SigningPolicy = POLICY, now_s: int = EXPIRES_S - 1
) -> LinkVerdict:
    return judge(HASH, query, policy, now_s=now_s)


# The text


@pytest.mark.parametrize(
    ("names", "files", "tail"),
    [
        ((), (), ""),
        (("Summer",), (), "&name=Summer"),
        ((), ("1.jpg", "2.jpg"), "&file=1.jpg&file=2.jpg"),
        (("Summer",), ("1.jpg",), "&name=Summer&file=1.jpg"),
        (("",), ("",), "&name=&file="),
        (("Лето",), (), "&name=%D0%9B%D0%B5%D1%82%D0%BE"),
        (("a b+c",), (), "&name=a%20b%2Bc"),
        (("AZaz09-_.~",), (), "&name=AZaz09-_.~"),  # RFC 3986 section 2.3, unreserved
        (
            (":/?#[]@!$&'()*+,;=",),  # section 2.2, reserved
            (),
            "&name=%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D",
        ),
        (("a\nfile=b",), (), "&name=a%0Afile%3Db"),
        (("100%",), ("%31",), "&name=100%25&file=%2531"),
        ((), ("day 1/",), "&file=day%201%2F"),
        ((), ("\0",), "&file=%00"),
        ((), ("\udcff",), "&file=%ED%B3%BF"),  # what aiohttp makes of a byte that is not UTF-8
        ((), ("📷",), "&file=%F0%9F%93%B7"),
    ],
)
def test_text(names: Sequence[str], files: Sequence[str], tail: str) -> None:
    text = Link(HASH, EXPIRES_S, names, files).text()
    assert text == f"/archive/{HASH}/?expires={EXPIRES_S}{tail}"


def test_hash_is_encoded_too() -> None:
    assert Link("a/?&=%", 1).text() == "/archive/a%2F%3F%26%3D%25/?expires=1"


def test_signature_is_that_of_openssl() -> None:
    need("openssl")
    link = Link(HASH, EXPIRES_S, ("Лето",), ("1.jpg",))
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", KEY.decode()],
        input=link.text().encode(),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().split()[-1] == link.signature(KEY)
    assert link.signed(KEY) == f"{link.text()}&signature={link.signature(KEY)}"


# The verdict


@pytest.mark.parametrize(
    ("now_s", "expected"),
    [
        (0, LinkVerdict.GOOD),
        (EXPIRES_S - 1, LinkVerdict.GOOD),
        (EXPIRES_S, LinkVerdict.LAPSED),
        (EXPIRES_S + GRACE_S - 1, LinkVerdict.LAPSED),
        (EXPIRES_S + GRACE_S, LinkVerdict.EXPIRED),
        (LATEST_EXPIRY_S, LinkVerdict.EXPIRED),
    ],
)
def test_time(now_s: int, expected: LinkVerdict) -> None:
    assert verdict(signed(), now_s=now_s) is expected


@pytest.mark.parametrize("now_s", [0, EXPIRES_S, EXPIRES_S + GRACE_S])
def test_wrong_signature_tells_nothing_of_the_time(now_s: int) -> None:
    assert verdict(signed(key=OTHER_KEY), now_s=now_s) is LinkVerdict.NOT_SIGNED


@pytest.mark.parametrize(
    ("expires", "expected"),
    [
        ("0", LinkVerdict.EXPIRED),
        (str(LATEST_EXPIRY_S), LinkVerdict.GOOD),
        (str(LATEST_EXPIRY_S + 1), LinkVerdict.NOT_SIGNED),
        ("9" * 12, LinkVerdict.NOT_SIGNED),
        ("9" * 5000, LinkVerdict.NOT_SIGNED),
        (f"0{EXPIRES_S}", LinkVerdict.NOT_SIGNED),
        ("00", LinkVerdict.NOT_SIGNED),
        (f"+{EXPIRES_S}", LinkVerdict.NOT_SIGNED),
        ("-1", LinkVerdict.NOT_SIGNED),
        (f" {EXPIRES_S}", LinkVerdict.NOT_SIGNED),
        (f"{EXPIRES_S}\n", LinkVerdict.NOT_SIGNED),
        (f"{EXPIRES_S}.0", LinkVerdict.NOT_SIGNED),
        ("1_790_000_000", LinkVerdict.NOT_SIGNED),
        ("1e10", LinkVerdict.NOT_SIGNED),
        ("0x6ab0", LinkVerdict.NOT_SIGNED),
        ("١٧٩٠٠٠٠٠٠٠", LinkVerdict.NOT_SIGNED),  # digits, but not those of ASCII
        ("", LinkVerdict.NOT_SIGNED),
    ],
)
def test_expiry_is_plain_digits_within_bounds(expires: str, expected: LinkVerdict) -> None:
    assert verdict(signed(expires=expires)) is expected


@pytest.mark.parametrize(
    "expires",
    [
        f"0{EXPIRES_S}",
        f" {EXPIRES_S}",
        f"+{EXPIRES_S}",
        f"{EXPIRES_S}\n",
        "1_790_000_000",
        "١٧٩٠٠٠٠٠٠٠",
    ],
)
def test_one_time_is_one_text(expires: str) -> None:
    assert int(expires) == EXPIRES_S  # and so the signed text would be the same
    assert verdict([("expires", expires), signed()[-1]]) is LinkVerdict.NOT_SIGNED


def without(query: Query, name: str) -> Query:
    return [pair for pair in query if pair[0] != name]


GOOD = signed(("name", "Summer"), ("file", "1.jpg"), ("file", "2.jpg"))
SIGNATURE = GOOD[-1][1]


@pytest.mark.parametrize(
    "query",
    [
        GOOD,
        GOOD[::-1][:1] + GOOD[:-1],  # the signature in front
        [GOOD[2], GOOD[1], GOOD[3], GOOD[0], GOOD[4]],  # names and files in another order
        [("utm_source", "mail"), *GOOD, ("Name", "b"), ("", "")],
    ],
)
def test_place_of_a_parameter_and_others_do_not_matter(query: Query) -> None:
    assert verdict(query) is LinkVerdict.GOOD


@pytest.mark.parametrize(
    "query",
    [
        [],
        without(GOOD, "signature"),
        without(GOOD, "expires"),
        without(GOOD, "name"),
        without(GOOD, "file"),
        [*GOOD, GOOD[-1]],  # given twice
        [*GOOD, ("signature", "")],
        [*GOOD, GOOD[0]],
        [*GOOD, ("expires", str(EXPIRES_S + 1))],
        [*GOOD, ("name", "Summer")],
        [*GOOD, ("file", "3.jpg")],
        [*GOOD, ("file", "")],
        GOOD[:2] + GOOD[3:],  # a file less
        [*GOOD[:2], GOOD[3], GOOD[2], GOOD[4]],  # files in another order
        [("expires", str(EXPIRES_S + 1)), *GOOD[1:]],
        [GOOD[0], ("name", "summer"), *GOOD[2:]],
        [GOOD[0], ("name", "Summer "), *GOOD[2:]],
        [GOOD[0], ("file", "Summer"), *GOOD[2:]],
        [GOOD[0], ("name", "Summer&file=1.jpg"), *GOOD[3:]],  # one value that reads like two
    ],
)
def test_any_other_link_is_not_signed(query: Query) -> None:
    assert verdict(query) is LinkVerdict.NOT_SIGNED


@pytest.mark.parametrize(
    "signature",
    [
        "",
        SIGNATURE[:-1],
        f"{SIGNATURE}0",
        f" {SIGNATURE}",
        SIGNATURE.upper(),
        "0" * 64,
        "٠" * 64,
        "\udcff" * 64,
        "a" * 8000,
    ],
    ids=lambda text: ascii(text[-8:]),
)
def test_any_other_signature_is_none(signature: str) -> None:
    assert verdict([*GOOD[:-1], ("signature", signature)]) is LinkVerdict.NOT_SIGNED


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([KEY], LinkVerdict.GOOD),
        ([OTHER_KEY, KEY], LinkVerdict.GOOD),
        ([KEY, OTHER_KEY], LinkVerdict.GOOD),
        ([OTHER_KEY], LinkVerdict.NOT_SIGNED),
        ([], LinkVerdict.NOT_SIGNED),
    ],
)
def test_any_key_verifies(keys: Sequence[bytes], expected: LinkVerdict) -> None:
    assert verdict(GOOD, policy=SigningPolicy(keys, 0)) is expected


def test_policy_is_printed_without_keys() -> None:
    assert KEY.decode() not in repr(POLICY)
