"""multipart/byteranges: the oracle is RFC 9110 section 14.6 and RFC 2046 section 5.1.1."""

from __future__ import annotations

from archive_service.http.multipart import Literal, Slice, multipart_content_type, multipart_parts
from archive_service.http.ranges import PART_OVERHEAD_BYTES, ByteRange

BOUNDARY = "THIS_STRING_SEPARATES"


def test_the_example_of_the_specification_is_framed_as_printed_there() -> None:
    # section 15.3.7.2
    parts = multipart_parts(
        [ByteRange(500, 1000), ByteRange(7000, 8000)],
        content_type="application/pdf",
        complete_length=8000,
        boundary=BOUNDARY,
    )
    assert list(parts) == [
        Literal(
            b"--THIS_STRING_SEPARATES\r\n"
            b"Content-Type: application/pdf\r\n"
            b"Content-Range: bytes 500-999/8000\r\n"
            b"\r\n"
        ),
        Slice(500, 1000),
        Literal(
            b"\r\n--THIS_STRING_SEPARATES\r\n"
            b"Content-Type: application/pdf\r\n"
            b"Content-Range: bytes 7000-7999/8000\r\n"
            b"\r\n"
        ),
        Slice(7000, 8000),
        Literal(b"\r\n--THIS_STRING_SEPARATES--\r\n"),
    ]


def test_the_boundary_parameter_is_not_quoted() -> None:  # section 14.6, implementation note 2
    expected = "multipart/byteranges; boundary=THIS_STRING_SEPARATES"
    assert multipart_content_type(BOUNDARY) == expected


def test_parts_know_their_length() -> None:
    assert (Literal(b"abc").length, Slice(2**40, 2**40 + 5).length) == (3, 5)


def test_a_part_costs_more_than_any_gap_that_is_sent_along() -> None:  # section 15.3.7.2
    ranges = [ByteRange(0, 1), ByteRange(2, 3)]
    parts = multipart_parts(
        ranges, content_type="application/zip", complete_length=3, boundary="f" * 32
    )
    _, _, between, *_ = parts
    assert between.length > PART_OVERHEAD_BYTES
