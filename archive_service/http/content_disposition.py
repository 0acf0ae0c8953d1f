"""Content-Disposition: the file name a download is saved under (RFC 6266, RFC 8187).

As appendix D of RFC 6266 advises, `filename` stands alone where it can hold the name.  Otherwise
`filename` comes first with a fallback, and `filename*` holds the name.  Always sending both would
be no simpler: the fallback is needed either way, and plain names would be sent twice.  `curl -OJ`
and old download managers only know `filename`.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from unicodedata import category
from urllib.parse import quote

MAX_NAME_BYTES = 240
"""Of a file name, UTF-8.  Most disks take 255; browsers and download managers add up to 15 while
they save: Chromium " (1)" and ".crdownload", aria2 ".1" and ".aria2"."""
MAX_NAME_CHARACTERS = 150
"""Titles of a site fit; what has more than MAX_NAME_BYTES is shortened."""
_SEPARATORS = frozenset("/\\")
_REPLACEMENT = "_"
_FALLBACK_STEM = "archive"
# Not allowed in a file name: path separators; control characters, including C1 and the Unicode line
# separators; controls of direction, which can make "gpj.exe" look like "exe.jpg"; surrogates, which
# UTF-8 can't encode; and a leading dot, which hides a file or leads to a parent directory.
_UNSAFE = re.compile(
    r"[/\\"
    r"\x00-\x1f\x7f-\x9f\u2028\u2029"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    r"\ud800-\udfff]"
    r"|\A(?=\.)"
)
# All recipients read these characters of a quoted-string alike.  RFC 6266 appendix D: avoid the
# backslash, the quote, and the percent sign, which some recipients decode.  A semicolon cuts the
# name in recipients that split before they unquote.
_NOT_PLAIN = re.compile(r"[^ A-Za-z0-9!#$&'()+,\-.=@\[\]^_`{}~]+")
_PLAIN_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")
_ZERO_WIDTH_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_ATTR_CHAR = "!#$&+-.^_`|~"  # RFC 8187 section 3.2.1, besides letters and digits


class Ending(NamedTuple):
    """What stands between a file name and its extension, however long the name is."""

    text: str
    plain: str
    """The same in ASCII."""


NO_ENDING = Ending("", "")


def is_download_name(name: str) -> bool:
    """Return whether a link or a setting may name a download so."""
    # Cc: control characters.  Cs: lone surrogates, which no header field can carry.
    return 0 < len(name) <= MAX_NAME_CHARACTERS and not any(
        c in _SEPARATORS or category(c) in ("Cc", "Cs") for c in name
    )


def content_disposition(filename: str, ending: Ending = NO_ENDING) -> str:
    """Print the field that makes a recipient save the content under a name.

    The result is printable ASCII whatever the name is; an empty name leaves the choice to the
    recipient.  A name of more than MAX_NAME_BYTES is shortened, and keeps ending and extension.
    """
    safe = _UNSAFE.sub(_REPLACEMENT, filename)
    if not safe:
        return "attachment"
    extension = _extension(safe)
    stem = _fitting(safe.removesuffix(extension), ending.text + extension)
    name = stem + ending.text + extension
    fallback = _fallback(stem, ending.plain + extension)
    if fallback == name:
        return f'attachment; filename="{name}"'
    extended = quote(name, safe=_ATTR_CHAR)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{extended}"


def _fitting(stem: str, rest: str) -> str:
    """Return a name, shortened where it has too many bytes with the rest behind it."""
    most_bytes = MAX_NAME_BYTES - len(rest.encode())
    if len(stem.encode()) <= most_bytes:
        return stem
    stop = len(stem.encode()[:most_bytes].decode(errors="ignore"))
    return stem[: _character_start(stem, stop)].rstrip(" .")


def _character_start(name: str, index: int) -> int:
    """Return where the character begins that a reader sees at an index: accents belong to it."""
    start = index
    while start and _is_continuation(name, start):
        start -= 1
    return start or index


def _is_continuation(name: str, index: int) -> bool:
    here, before = name[index], name[index - 1]
    return (
        category(here).startswith("M")
        or _ZERO_WIDTH_JOINER in (here, before)
        or ord(here) in _SKIN_TONES
    )


def _extension(name: str) -> str:
    return match[0] if (match := _PLAIN_EXTENSION.search(name)) else ""


def _fallback(stem: str, rest: str) -> str:
    if _NOT_PLAIN.search(stem) is None:
        return stem + rest
    return (_NOT_PLAIN.sub(_REPLACEMENT, stem).strip(" ._-") or _FALLBACK_STEM) + rest
