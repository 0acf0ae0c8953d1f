"""The answer to a request for an archive, as a value: status, fields, and which bytes.

Theory of operation.  Preconditions come first (RFC 9110 section 13.2.2).  If they lead to a 200,
Range is evaluated (section 14.2).  If Range can be obeyed, the answer is a part.

Every replica makes the same plan for the same request, archive and second.

A range without a validator may continue another state of the archive, because programs append what
they get.  `continues_unguarded` finds such an answer, and `FAILED_PRECONDITION` replaces it if the
client began another state.  It is a 412, because programs take a 416 for the end of the download,
and append a 200.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from archive_service.http.conditional import (
    PreconditionResult,
    Validators,
    evaluate,
    knows_entity_tag,
    range_applies,
)
from archive_service.http.http_date import http_date
from archive_service.http.multipart import BodyPart, Slice, multipart_content_type, multipart_parts
from archive_service.http.ranges import (
    UNIT,
    ByteRange,
    content_range,
    has_last_positions,
    has_only_suffixes,
    parse_range,
    starts_beyond,
    unsatisfied_range,
)
from archive_service.http.request_fields import RequestFields

Fields = tuple[tuple[str, str], ...]

_BOUNDARY_BYTES = 16
_END_BYTES = (22, 22 + 0xFFFF)
"""What readers of zip first ask for: the last bytes, as many as an end record (APPNOTE 4.3.16) has
without a comment, or with the longest one."""
_ACCEPT_RANGES: Fields = (("Accept-Ranges", UNIT),)


class SelectedRepresentation(NamedTuple):
    """The selected representation: the archive as it is now."""

    complete_length: int
    """Bytes."""
    content_type: str
    validators: Validators


class ResponsePlan(NamedTuple):
    """Status, fields and parts of an answer; for HEAD the parts are those of the GET, not sent.

    A plan of status 304 has no content.  For 412 and 416 the caller supplies the content and its
    length.
    """

    status: int
    fields: Fields
    """The fields about the archive; with Content-Length where the parts are the content."""
    body: tuple[BodyPart, ...] = ()
    complete_length: int = 0
    """The length of the archive, if the parts are parts of it."""

    @property
    def content_length(self) -> int:
        """Return the bytes of all parts."""
        return sum(part.length for part in self.body)

    @property
    def first_offset(self) -> int:
        """Return the offset in the archive of the first byte that is sent."""
        return next((part.start for part in self.body if isinstance(part, Slice)), 0)


FAILED_PRECONDITION = ResponsePlan(412, _ACCEPT_RANGES)
"""Also the answer to a bare range that would continue another archive."""


def plan(fields: RequestFields, target: SelectedRepresentation, *, now_s: int) -> ResponsePlan:
    """Decide the answer to a request; `now_s` is the server's clock, in Unix seconds."""
    outcome = evaluate(fields, target.validators, now_s=now_s)
    if outcome is PreconditionResult.PRECONDITION_FAILED:
        return FAILED_PRECONDITION
    if outcome is PreconditionResult.NOT_MODIFIED:
        return _not_modified(target)
    ranges = _requested_ranges(fields, target, now_s=now_s)
    if ranges is None:
        return _whole(target)
    if not ranges:
        return _unsatisfiable(fields, target)
    return _single_part(target, ranges[0]) if len(ranges) == 1 else _multipart(target, ranges)


def is_beginning(answer: ResponsePlan, fields: RequestFields) -> bool:
    """Return whether a client begins a download with an answer to its GET.

    Such an answer holds the first byte of the archive, or its end, where readers of zip begin.
    """
    slices = [part for part in answer.body if isinstance(part, Slice)]
    if any(part.start == 0 for part in slices):
        return True
    if answer.status != 206:
        return False
    asked = fields.range or ""
    is_end = has_last_positions(asked) and all(_is_end(part, answer) for part in slices)
    return is_end or has_only_suffixes(asked)


def _is_end(part: Slice, answer: ResponsePlan) -> bool:
    return part.stop == answer.complete_length and part.length in _END_BYTES


def continues_unguarded(answer: ResponsePlan, fields: RequestFields) -> bool:
    """Return whether a client continues a download without naming the archive's state.

    A 416 counts, too: programs take it for a complete download.
    """
    if fields.is_guarded() or answer.status not in (206, 416):
        return False
    return not is_beginning(answer, fields)


def is_resumption(answer: ResponsePlan, fields: RequestFields, validators: Validators) -> bool:
    """Return whether an answer is the rest of a download that the client has begun.

    The client names the entity tag, and does not ask for the first byte, which would be a new
    download.
    """
    if answer.status != 206 or not knows_entity_tag(fields, validators):
        return False
    return all(part.start > 0 for part in answer.body if isinstance(part, Slice))


# RFC 9110 section 14.2: "A server MUST ignore a Range header field received with a request method
# that is unrecognized or for which range handling is not defined.  For this specification, GET is
# the only method for which range handling is defined."  So HEAD describes the whole archive.
def _requested_ranges(
    fields: RequestFields, target: SelectedRepresentation, *, now_s: int
) -> tuple[ByteRange, ...] | None:
    if fields.method != "GET" or fields.range is None:
        return None
    if not range_applies(fields, target.validators, now_s=now_s):
        return None
    return parse_range(fields.range, target.complete_length)


def _whole(target: SelectedRepresentation) -> ResponsePlan:
    parts = (Slice(0, target.complete_length),)
    return _content(200, target, content_type=target.content_type, parts=parts)


# RFC 9110 section 15.3.7.1: a single part MUST have a Content-Range.  Section 15.3.7.2 would allow
# a multipart of one part where several ranges were asked for; the plain form serves more clients.
def _single_part(target: SelectedRepresentation, byte_range: ByteRange) -> ResponsePlan:
    return _content(
        206,
        target,
        content_type=target.content_type,
        parts=(Slice(byte_range.start, byte_range.stop),),
        more=(("Content-Range", content_range(byte_range, target.complete_length)),),
    )


# RFC 9110 section 15.3.7.2: a multipart MUST NOT have a Content-Range of its own.
def _multipart(target: SelectedRepresentation, ranges: tuple[ByteRange, ...]) -> ResponsePlan:
    boundary = _boundary(target.validators.etag)
    parts = multipart_parts(
        ranges,
        content_type=target.content_type,
        complete_length=target.complete_length,
        boundary=boundary,
    )
    content_type = multipart_content_type(boundary)
    return _content(206, target, content_type=content_type, parts=tuple(parts))


# RFC 9110 section 15.3.7: a 206 has all fields of the 200, but after If-Range it SHOULD NOT repeat
# more than it must.  Like other servers we always send them all: a download manager that opens its
# second connection with If-Range still reads the type and the date.
def _content(
    status: int,
    target: SelectedRepresentation,
    *,
    content_type: str,
    parts: tuple[BodyPart, ...],
    more: Fields = (),
) -> ResponsePlan:
    fields = (
        ("Content-Type", content_type),
        ("Content-Length", str(sum(part.length for part in parts))),
        *more,
        *_validator_fields(target.validators),
        *_ACCEPT_RANGES,
    )
    return ResponsePlan(status, fields, parts, target.complete_length)


# RFC 9110 section 15.4.5: a 304 MUST have the ETag, and other metadata only "for the purpose of
# guiding cache updates".  Last-Modified does that: it is final once its second is over.
# Content-Length, which could only be that of the 200 (section 8.6), is left out.
def _not_modified(target: SelectedRepresentation) -> ResponsePlan:
    return ResponsePlan(304, _validator_fields(target.validators) + _ACCEPT_RANGES)


# RFC 9110 section 15.5.17.  A 416 or 412 has no validators, because its content is an error page.
# A client with more bytes than the archive has begun another one; wget takes a 416 for success.
def _unsatisfiable(fields: RequestFields, target: SelectedRepresentation) -> ResponsePlan:
    if not fields.is_guarded() and starts_beyond(fields.range or "", target.complete_length):
        return FAILED_PRECONDITION
    unsatisfied = ("Content-Range", unsatisfied_range(target.complete_length))
    return ResponsePlan(416, (unsatisfied, *_ACCEPT_RANGES))


def _validator_fields(validators: Validators) -> Fields:
    etag = ("ETag", validators.etag)
    if validators.last_modified_s is None:
        return (etag,)
    return (etag, ("Last-Modified", http_date(validators.last_modified_s)))


# It depends only on the entity tag, so all replicas send the same.  As a digest it is a token, and
# does not occur in a file by chance.
def _boundary(etag: str) -> str:
    return blake2b(etag.encode("utf-8", "surrogateescape"), digest_size=_BOUNDARY_BYTES).hexdigest()
