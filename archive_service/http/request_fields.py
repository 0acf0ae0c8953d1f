"""The request fields that decide which bytes are sent, and with which status.

A value of None means "not sent".
An unusable field stays present, as a value that no grammar accepts, because its presence has a
meaning: If-None-Match overrides If-Modified-Since (RFC 9110 section 13.1.3), and a false If-Range
overrides Range (section 13.1.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

_MALFORMED = ""
"""Neither a ranges-specifier, nor an entity tag, nor an HTTP-date."""
_NAMES = frozenset(
    (
        "range",
        "if-range",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
    )
)


class RequestFields(NamedTuple):
    """The method of a request and its precondition and range fields."""

    method: str
    """Case-sensitive (RFC 9110 section 9.1)."""
    range: str | None = None
    if_range: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None

    @classmethod
    def of(cls, method: str, field_lines: Iterable[tuple[str, str]]) -> RequestFields:
        """Pick the fields out of a request's field lines, given as names and values."""
        lines: dict[str, list[str]] = {}
        for name, value in field_lines:
            if (name := name.lower()) in _NAMES:
                lines.setdefault(name, []).append(value)
        if not lines:
            return cls(method)
        return cls(
            method,
            range=_singleton(lines, "range"),
            if_range=_singleton(lines, "if-range"),
            if_match=_list(lines, "if-match"),
            if_none_match=_list(lines, "if-none-match"),
            if_modified_since=_singleton(lines, "if-modified-since"),
            if_unmodified_since=_singleton(lines, "if-unmodified-since"),
        )

    def is_guarded(self) -> bool:
        """Return whether the client names the state of the archive that its range belongs to."""
        guards = (self.if_range, self.if_match, self.if_unmodified_since)
        return any(guard is not None for guard in guards)

    def can_be_resumption(self) -> bool:
        """Return whether this can be the rest of a download: a range guarded by an entity tag."""
        return self.range is not None and (self.if_range is not None or self.if_match is not None)


# RFC 9110 section 5.3: the lines of a list-valued field are combined "by appending each subsequent
# field line value to the initial field line value in order, separated by a comma".
def _list(lines: Mapping[str, list[str]], name: str) -> str | None:
    values = lines.get(name)
    return None if values is None else ", ".join(values)


# RFC 9110 section 5.3: such a field is not to be sent twice.  For the dates, sections 13.1.3 and
# 13.1.4 say to ignore a field of more than one member.  A repeated Range is ignored, too, because a
# proxy in front could pick another line than this server: the whole archive is sent.  A repeated
# If-Range is a false condition, so Range is ignored: obeying it could splice two archives.
def _singleton(lines: Mapping[str, list[str]], name: str) -> str | None:
    values = lines.get(name)
    if values is None:
        return None
    return values[0] if len(values) == 1 else _MALFORMED
