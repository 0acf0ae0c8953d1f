"""Several ranges in one answer: multipart/byteranges (RFC 9110 section 14.6, RFC 2046 section 5.1).

The content is described, not built: framing as literal bytes, data as slices of the archive.  Its
length is the sum of its parts, so it always equals what is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from archive_service.http.ranges import ByteRange, content_range


class Literal(NamedTuple):
    """Framing: bytes that are not part of the archive."""

    data: bytes

    @property
    def length(self) -> int:
        """Return the bytes this part adds to the content."""
        return len(self.data)


class Slice(NamedTuple):
    """Bytes of the archive, half-open."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """Return the bytes this part adds to the content."""
        return self.stop - self.start


BodyPart = Literal | Slice


# RFC 9110 section 14.6 warns that "some existing implementations handle a quoted boundary string
# incorrectly", so the boundary has to be a token.
def multipart_content_type(boundary: str) -> str:
    """Print the Content-Type of a multipart answer; `boundary` is a token of 1 to 70 characters."""
    return f"multipart/byteranges; boundary={boundary}"


def multipart_parts(
    ranges: Iterable[ByteRange],
    *,
    content_type: str,
    complete_length: int,
    boundary: str,
) -> Iterator[BodyPart]:
    """Yield the content of a multipart answer; its Content-Length is the sum of the lengths."""
    line_break = ""  # of the data before; the first delimiter stands at the very start
    for byte_range in ranges:
        header = (
            f"{line_break}--{boundary}\r\n"
            f"Content-Type: {content_type}\r\n"
            f"Content-Range: {content_range(byte_range, complete_length)}\r\n"
            "\r\n"
        )
        yield Literal(header.encode("ascii"))
        yield Slice(byte_range.start, byte_range.stop)
        line_break = "\r\n"
    yield Literal(f"{line_break}--{boundary}--\r\n".encode("ascii"))
