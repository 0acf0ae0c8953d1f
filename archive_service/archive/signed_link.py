"""Signed links that expire: what a signature covers, and how a link is judged.

Theory of operation.  The signature covers the link's path and query in one canonical form, so that
a site signs the text that it has just written:

    /archive/<hash>/?expires=<unix time>&name=<name>&file=<file>&file=<file>
    └──────────────── HMAC-SHA256 of this, in hexadecimal, is &signature= ──┘

The service builds the form from the decoded values, because browsers, mail programs and proxies
escape a link differently.  The form percent-encodes everything but the unreserved characters of
RFC 3986, so a value never contains a separator and two different links never have the same form.
`expires` comes first, then each `name`, then each `file`, in the order of the link.  Other
parameters do not change the archive and are not covered.

The manifest of a link has the same form as the link: one signature serves both.

The signature is checked before the expiry, so only a holder of a signed link learns that it has
expired.  All keys are tried, each in constant time.  For a grace period after the expiry a link is
LAPSED: it still completes a download that was begun.  The caller knows whether a request does.
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
    """The hash, any text: it may come from a request."""
    expires_s: int
    """Unix seconds; the link is valid before this moment."""
    names: Sequence[str] = ()
    """Any number: the service refuses a link of several names later."""
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
    """The keys that sign links, and the grace period after the expiry."""

    keys: Sequence[bytes] = field(repr=False)
    grace_s: int
    """How long after the expiry a client may complete a download that it has begun."""


class LinkVerdict(Enum):
    """The result of judging a link."""

    GOOD = auto()
    LAPSED = auto()
    """Expired, but within the grace period for a download that was begun."""
    EXPIRED = auto()
    NOT_SIGNED = auto()
    """The signature is missing or is not that of the link."""


def judge(
    archive: str, query: Iterable[tuple[str, str]], policy: SigningPolicy, *, now_s: int
) -> LinkVerdict:
    """Judge a link by its hash and the decoded parameters of its query.

    `now_s` is the server's clock, in Unix seconds.
    """
    values = _by_name(query)
    link = _link(archive, values)
    if link is None or not _is_signed(link, values.get("signature", ()), policy.keys):
        return LinkVerdict.NOT_SIGNED
    if now_s < link.expires_s:
        return LinkVerdict.GOOD
    return LinkVerdict.LAPSED if now_s < link.expires_s + policy.grace_s else LinkVerdict.EXPIRED


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
    if len(signatures) != 1:  # of several, a proxy could pick another one
        return False
    given = _bytes_of(signatures[0])
    # Compare all of them, so that the time does not reveal which key matched.
    matches = [hmac.compare_digest(link.signature(key).encode(), given) for key in keys]
    return any(matches)


# A text of a request may hold a lone surrogate, which aiohttp makes of a byte that it can't decode
# and which UTF-8 can't encode.
def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _encoded(text: str) -> str:
    return quote(_bytes_of(text), safe="")
