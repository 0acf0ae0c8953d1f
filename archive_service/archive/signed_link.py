"""Signed links that expire: what a signature covers, and what becomes of a link.

Theory of operation.  What is signed is a link's path and query in one canonical form, so that
whoever writes links signs the text he has just written:

    /archive/<hash>/?expires=<unix time>&name=<name>&file=<file>&file=<file>
    └──────────────── HMAC-SHA256 of this, in hexadecimal, is &signature= ──┘

The form is made anew of the decoded values, not taken from the request: browsers, mail programs
and proxies escape a link in their own way on its way here.  In it everything but the unreserved
characters of RFC 3986 is percent-encoded, so no value can pass for a separator, and two different
links never have one form.  `expires` stands first, then each `name`, then each `file`, in the
order of the link.  Other parameters decide nothing about the archive and are not covered.

The manifest of a link has the link's own form: one signature serves both.

A signature is judged before the expiry, so that nobody but a holder of the link learns of it, and
all keys are tried, each in constant time.  For a grace period after the expiry a link is LAPSED:
who has begun a download may complete it.  Whether a request does is not known here.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import sha256
from urllib.parse import quote

LATEST_EXPIRY_S = 253_402_300_799
"""The last second of the year 9999, in Unix seconds."""

# Without zeros in front: one time is one text.
_EXPIRY = re.compile("0|[1-9][0-9]{0,11}")


@dataclass(frozen=True, slots=True)
class Link:
    """What a signature covers: texts as they are, not percent-encoded."""

    archive: str
    """The hash; anything, as it may come from a request."""
    expires_s: int
    """Unix seconds; the link is good before this moment."""
    names: Sequence[str] = ()
    """Of one name at most there is an archive, but a link may have any number."""
    files: Sequence[str] = ()

    def text(self) -> str:
        """Return the canonical form, which is ASCII."""
        names = "".join(f"&name={_encoded(name)}" for name in self.names)
        files = "".join(f"&file={_encoded(file)}" for file in self.files)
        return f"/archive/{_encoded(self.archive)}/?expires={self.expires_s}{names}{files}"

    def signature(self, key: bytes) -> str:
        """Return the signature, 64 hexadecimal digits in lower case."""
        return hmac.new(key, self.text().encode(), sha256).hexdigest()

    def signed(self, key: bytes) -> str:
        """Return path and query of the signed link."""
        return f"{self.text()}&signature={self.signature(key)}"


@dataclass(frozen=True, slots=True)
class SigningPolicy:
    """Which signatures are good, and for how long."""

    keys: Sequence[bytes] = field(repr=False)
    grace_s: int
    """How long after its expiry a download that was begun may be completed."""


class Verdict(Enum):
    """What becomes of a link."""

    GOOD = auto()
    LAPSED = auto()
    """Expired, and still good for completing a download that was begun."""
    EXPIRED = auto()
    NOT_SIGNED = auto()
    """The signature is missing or is not that of the link."""


def judge(
    archive: str, query: Iterable[tuple[str, str]], policy: SigningPolicy, *, now_s: int
) -> Verdict:
    """Judge a link by its hash and the decoded parameters of its query.

    `now_s` is the server's clock, in Unix seconds.
    """
    values = _by_name(query)
    link = _link(archive, values)
    if link is None or not _is_signed(link, values.get("signature", ()), policy.keys):
        return Verdict.NOT_SIGNED
    if now_s < link.expires_s:
        return Verdict.GOOD
    return Verdict.LAPSED if now_s < link.expires_s + policy.grace_s else Verdict.EXPIRED


def _by_name(query: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(name, []).append(value)
    return values


def _link(archive: str, values: dict[str, list[str]]) -> Link | None:
    expiries = values.get("expires", ())
    if len(expiries) != 1 or not _EXPIRY.fullmatch(expiries[0]):
        return None
    expires_s = int(expiries[0])
    if expires_s > LATEST_EXPIRY_S:
        return None
    return Link(archive, expires_s, values.get("name", ()), values.get("file", ()))


def _is_signed(link: Link, signatures: Sequence[str], keys: Sequence[bytes]) -> bool:
    if len(signatures) != 1:  # no line of it is picked: a proxy could pick another
        return False
    given = _bytes_of(signatures[0])
    # All are compared before any is looked at: the time tells nothing of which key it is.
    matches = [hmac.compare_digest(link.signature(key).encode(), given) for key in keys]
    return any(matches)


# Texts of a request may hold what UTF-8 has no bytes for: a lone surrogate, which aiohttp makes of
# a byte that it can't decode.
def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _encoded(text: str) -> str:
    return quote(_bytes_of(text), safe="")
