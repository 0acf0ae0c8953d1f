"""The answer to a request for an archive, as a value: status, fields, and which bytes.

Theory of operation.  Preconditions come first (RFC 9110 section 13.2.2); only where they lead to a
200 is Range looked at (section 14.2); only where Range can be obeyed is the answer a part.

The same request about the same archive in the same second has the same plan, whichever replica
makes it.

A range that no validator guards may go on with another state of the archive: programs append what
they get.  `continues_unguarded` finds such an answer, and `CHANGED_MEANWHILE` replaces it where the
client is known to have begun another state.  It is a 412: programs take a 416 for the end of the
download, and append a 200.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from archive_service.http.conditional import (
    Outcome,
    Validators,
    evaluate,
    knows_entity_tag,
    range_applies,
)
from archive_service.http.http_date import http_date
from archive_service.http.multipart import Part, Slice, multipart_content_type, multipart_parts
from archive_service.http.ranges import (
    UNIT,
    ByteRange,
    content_range,
    has_only_suffixes,
    parse_range,
    starts_beyond,
    unsatisfied_range,
)
from archive_service.http.request_fields import RequestFields

Fields = tuple[tuple[str, str], ...]

_BOUNDARY_BYTES = 16
_ACCEPT_RANGES: Fields = (("Accept-Ranges", UNIT),)


@dataclass(frozen=True, slots=True)
class Target:
    """The selected representation: the archive as it is now."""

    complete_length: int
    """Bytes."""
    content_type: str
    validators: Validators


@dataclass(frozen=True, slots=True)
class ResponsePlan:
    """What to answer; for HEAD the parts are those of the GET, and are not sent.

    A plan of status 304 has no content.  One of 412 or 416 has none of the archive: its content,
    and the length of that, are the caller's.
    """

    status: int
    fields: Fields
    """Of the archive alone; Content-Length among them where the parts are the content."""
    parts: tuple[Part, ...] = ()

    @property
    def content_length(self) -> int:
        """Return the bytes of all parts."""
        return sum(part.length for part in self.parts)

    @property
    def first_offset(self) -> int:
        """Return where in the archive the first byte sent of it stands."""
        return next((part.start for part in self.parts if isinstance(part, Slice)), 0)


CHANGED_MEANWHILE = ResponsePlan(412, _ACCEPT_RANGES)
"""The answer to a client that goes on with an archive that is no more."""


def plan(fields: RequestFields, target: Target, *, now_s: int) -> ResponsePlan:
    """Decide the answer to a request; `now_s` is the server's clock, in Unix seconds."""
    outcome = evaluate(fields, target.validators, now_s=now_s)
    if outcome is Outcome.PRECONDITION_FAILED:
        return CHANGED_MEANWHILE
    if outcome is Outcome.NOT_MODIFIED:
        return _not_modified(target)
    ranges = _requested_ranges(fields, target, now_s=now_s)
    if ranges is None:
        return _whole(target)
    if not ranges:
        return _unsatisfiable(fields, target)
    return _single_part(target, ranges[0]) if len(ranges) == 1 else _multipart(target, ranges)


def is_beginning(answer: ResponsePlan, fields: RequestFields) -> bool:
    """Tell whether a client begins a download with an answer to its GET.

    The answer holds the first byte of the archive, or its end: readers of zip archives begin there.
    """
    if any(part.start == 0 for part in answer.parts if isinstance(part, Slice)):
        return True
    return answer.status == 206 and has_only_suffixes(fields.range or "")


def continues_unguarded(answer: ResponsePlan, fields: RequestFields) -> bool:
    """Tell whether a client goes on with a download and does not say of which state.

    It may get a 416, too: to programs that means they have everything.
    """
    if fields.is_guarded() or answer.status not in (206, 416):
        return False
    return not is_beginning(answer, fields)


def is_resumption(answer: ResponsePlan, fields: RequestFields, validators: Validators) -> bool:
    """Tell whether an answer is the rest of a download that the client has begun.

    It knows the entity tag, and asks for nothing that holds the first byte: with that it would
    begin anew.
    """
    if answer.status != 206 or not knows_entity_tag(fields, validators):
        return False
    return all(part.start > 0 for part in answer.parts if isinstance(part, Slice))


# RFC 9110 section 14.2: "A server MUST ignore a Range header field received with a request method
# that is unrecognized or for which range handling is not defined.  For this specification, GET is
# the only method for which range handling is defined."  So HEAD tells of the whole.
def _requested_ranges(
    fields: RequestFields, target: Target, *, now_s: int
) -> tuple[ByteRange, ...] | None:
    if fields.method != "GET" or fields.range is None:
        return None
    if not range_applies(fields, target.validators, now_s=now_s):
        return None
    return parse_range(fields.range, target.complete_length)


def _whole(target: Target) -> ResponsePlan:
    parts = (Slice(0, target.complete_length),)
    return _content(200, target, content_type=target.content_type, parts=parts)


# RFC 9110 section 15.3.7.1: a single part MUST have a Content-Range.  Section 15.3.7.2 would allow
# a multipart of one part where several ranges were asked for; the plain form serves more clients.
def _single_part(target: Target, byte_range: ByteRange) -> ResponsePlan:
    return _content(
        206,
        target,
        content_type=target.content_type,
        parts=(Slice(byte_range.start, byte_range.stop),),
        more=(("Content-Range", content_range(byte_range, target.complete_length)),),
    )


# RFC 9110 section 15.3.7.2: a multipart MUST NOT have a Content-Range of its own.
def _multipart(target: Target, ranges: tuple[ByteRange, ...]) -> ResponsePlan:
    boundary = _boundary(target.validators.etag)
    parts = multipart_parts(
        ranges,
        content_type=target.content_type,
        complete_length=target.complete_length,
        boundary=boundary,
    )
    content_type = multipart_content_type(boundary)
    return _content(206, target, content_type=content_type, parts=tuple(parts))


# RFC 9110 section 15.3.7 wants a 206 to have all fields of the 200, but after If-Range SHOULD NOT
# repeat more than it must.  They are sent always, as other servers do: a download manager that
# opens its second connection with If-Range still looks for the type and the date.
def _content(
    status: int,
    target: Target,
    *,
    content_type: str,
    parts: tuple[Part, ...],
    more: Fields = (),
) -> ResponsePlan:
    fields = (
        ("Content-Type", content_type),
        ("Content-Length", str(sum(part.length for part in parts))),
        *more,
        *_validator_fields(target.validators),
        *_ACCEPT_RANGES,
    )
    return ResponsePlan(status, fields, parts)


# RFC 9110 section 15.4.5: a 304 MUST have the ETag, and other metadata only "for the purpose of
# guiding cache updates".  Last-Modified does that: it settles once its second is over.
# Content-Length could only be that of the 200 (section 8.6), and is left out.
def _not_modified(target: Target) -> ResponsePlan:
    return ResponsePlan(304, _validator_fields(target.validators) + _ACCEPT_RANGES)


# RFC 9110 section 15.5.17.  No validators here or in a 412: the page that is sent is not what they
# are about.  A client that has more bytes than there are has begun another archive: wget would take
# a 416 for success.
def _unsatisfiable(fields: RequestFields, target: Target) -> ResponsePlan:
    if not fields.is_guarded() and starts_beyond(fields.range or "", target.complete_length):
        return CHANGED_MEANWHILE
    unsatisfied = ("Content-Range", unsatisfied_range(target.complete_length))
    return ResponsePlan(416, (unsatisfied, *_ACCEPT_RANGES))


def _validator_fields(validators: Validators) -> Fields:
    etag = ("ETag", validators.etag)
    if validators.last_modified_s is None:
        return (etag,)
    return (etag, ("Last-Modified", http_date(validators.last_modified_s)))


# Of the entity tag alone, so that answers are the same on every replica; and a digest of it, so
# that it is a token and stands in no file by chance.
def _boundary(etag: str) -> str:
    return blake2b(etag.encode("utf-8", "surrogateescape"), digest_size=_BOUNDARY_BYTES).hexdigest()
