"""A reader of multipart/byteranges contents, made from the specifications alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.http import Response

# RFC 9110 section 14.6 warns of quoted boundaries, so only a token will do here.
_CONTENT_TYPE = re.compile(r"multipart/byteranges; boundary=([0-9A-Za-z!#$%&'*+.^_`|~-]{1,70})")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class BodyPart:
    """One part; positions are inclusive, as in its Content-Range."""

    fields: dict[str, str]
    first_pos: int
    last_pos: int
    complete_length: int
    data: bytes


def body_parts(response: Response) -> list[BodyPart]:
    """Take a content apart (RFC 9110 section 14.6, RFC 2046 section 5.1.1).

    Raise AssertionError where it is malformed; a delimiter within the data is one.
    """
    content_type = _CONTENT_TYPE.fullmatch(response["content-type"])
    assert content_type, response["content-type"]
    delimiter = b"\r\n--" + content_type[1].encode()
    # A delimiter begins a line, and the first one may begin the content.
    preamble, *parts, end = (b"\r\n" + response.content).split(delimiter)
    assert not preamble
    assert end == b"--\r\n"
    return [_body_part(part) for part in parts]


def content_range(value: str) -> tuple[int, int, int]:
    """Return first-pos, last-pos and complete-length (RFC 9110 section 14.4)."""
    match = _CONTENT_RANGE.fullmatch(value)
    assert match, value
    return int(match[1]), int(match[2]), int(match[3])


def _body_part(part: bytes) -> BodyPart:
    head, blank_line, data = part.partition(b"\r\n\r\n")
    assert blank_line
    line_break, *lines = head.decode("ascii").split("\r\n")
    assert not line_break
    fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    first_pos, last_pos, complete_length = content_range(fields["content-range"])
    return BodyPart(fields, first_pos, last_pos, complete_length, data)
