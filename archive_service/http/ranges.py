"""Byte ranges: reads Range (RFC 9110 section 14.2) and prints Content-Range (section 14.4).

The fields count inclusively, from `first-pos` to `last-pos`; other modules use half-open ranges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

UNIT = "bytes"
MAX_RANGES = 100
"""The most members of a range set; a longer set is ignored and the whole archive is sent.

RFC 9110 section 14.2 allows a server to ignore "a set of many small ranges".  Each part costs a
header and a seek, and clients of archives need few.  The whole archive still serves such a client,
unlike a 416.
"""
PART_OVERHEAD_BYTES = 80
"""Ranges with a smaller gap are merged: "around 80 bytes" (RFC 9110 section 15.3.7.2)."""

_RANGE_SPEC = re.compile("([0-9]*)-([0-9]*)")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes of an archive, half-open, never empty."""

    start: int
    stop: int


def parse_range(value: str, complete_length: int) -> tuple[ByteRange, ...] | None:
    """Return the ranges that a Range field asks for, of `complete_length` bytes.

    None: ignore the field.  An empty tuple: the field is valid, but no range is satisfiable.
    Otherwise the ranges are disjoint, in the order of the request.
    """
    unit, _, range_set = value.strip(" \t").partition("=")
    # Section 14.1: "range unit names are case-insensitive".  Section 14.2: "An origin server MUST
    # ignore a Range header field that contains a range unit it does not understand", and MAY
    # ignore one when the representation has no content.
    if unit.lower() != UNIT or not complete_length:
        return None
    # Section 5.6.1.2: empty list members are not counted.
    specs = [spec for member in range_set.split(",") if (spec := member.strip(" \t"))]
    if not 1 <= len(specs) <= MAX_RANGES:
        return None
    ranges = []
    for spec in specs:
        match = _RANGE_SPEC.fullmatch(spec)
        # Section 14.1.1: a set is invalid if it contains any member that is.  Section 14.2: a
        # server MAY ignore such a field.
        if match is None or _is_invalid(match[1], match[2]):
            return None
        ranges.append(_resolved(match[1], match[2], complete_length=complete_length))
    return _coalesced(byte_range for byte_range in ranges if byte_range is not None)


def starts_beyond(value: str, complete_length: int) -> bool:
    """Return whether a range of a valid field starts after the end, not just at it."""
    return any(
        _clamped(first_pos, complete_length + 1) > complete_length
        for first_pos in _first_positions(value)
        if first_pos
    )


def has_only_suffixes(value: str) -> bool:
    """Return whether all ranges of a valid field count from the end."""
    return not any(_first_positions(value))


def has_last_positions(value: str) -> bool:
    """Return whether all ranges of a valid field say where they end."""
    _, _, range_set = value.partition("=")
    return all(spec.strip(" \t")[-1:] != "-" for spec in range_set.split(","))


def content_range(byte_range: ByteRange, complete_length: int) -> str:
    """Print the Content-Range of a part (RFC 9110 section 14.4)."""
    return f"{UNIT} {byte_range.start}-{byte_range.stop - 1}/{complete_length}"


def unsatisfied_range(complete_length: int) -> str:
    """Print the Content-Range of a 416 answer (RFC 9110 section 14.4)."""
    return f"{UNIT} */{complete_length}"


def _first_positions(value: str) -> list[str]:
    """Return the first positions of a valid field as text, empty for a suffix range."""
    _, _, range_set = value.partition("=")
    return [spec.strip(" \t").partition("-")[0] for spec in range_set.split(",")]


# Section 14.1.1: "An int-range is invalid if the last-pos value is present and less than the
# first-pos."  Numerals are compared as text: "recipients MUST anticipate potentially large decimal
# numerals" (section 14.1.2), and int() refuses those past 4300 digits.
def _is_invalid(first_pos: str, last_pos: str) -> bool:
    if not first_pos or not last_pos:
        return not first_pos and not last_pos
    first, last = first_pos.lstrip("0"), last_pos.lstrip("0")
    return (len(last), last) < (len(first), first)


# Section 14.1.2: satisfiable is "an int-range with a first-pos that is less than the current length
# of the selected representation or a suffix-range with a non-zero suffix-length".
def _resolved(first_pos: str, last_pos: str, *, complete_length: int) -> ByteRange | None:
    if not first_pos:
        start, stop = complete_length - _clamped(last_pos, complete_length), complete_length
    else:
        start = _clamped(first_pos, complete_length)
        stop = _clamped(last_pos, complete_length - 1) + 1 if last_pos else complete_length
    return ByteRange(start, stop) if start < complete_length else None


def _clamped(digits: str, ceiling: int) -> int:
    significant = digits.lstrip("0") or "0"
    if len(significant) > len(str(ceiling)):
        return ceiling
    return min(int(significant), ceiling)


# Section 15.3.7.2: "a server MAY coalesce any of the ranges that overlap, or that are separated by
# a gap that is smaller than the overhead of sending multiple parts, regardless of the order"; and
# it "SHOULD send the parts in the same order that the corresponding range-spec appeared", so a
# coalesced range takes the place of its first member.  The result is disjoint: no request makes an
# answer much longer than the archive.
def _coalesced(ranges: Iterable[ByteRange]) -> tuple[ByteRange, ...]:
    merged: list[tuple[int, ByteRange]] = []
    for rank, byte_range in sorted(enumerate(ranges), key=lambda ranked: ranked[1].start):
        if not merged or byte_range.start - merged[-1][1].stop >= PART_OVERHEAD_BYTES:
            merged.append((rank, byte_range))
            continue
        first_rank, last = merged[-1]
        union = ByteRange(last.start, max(last.stop, byte_range.stop))
        merged[-1] = (min(first_rank, rank), union)
    return tuple(byte_range for _, byte_range in sorted(merged, key=lambda ranked: ranked[0]))
