"""Which status and words a visitor gets for what happened: the one table of failures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from aiohttp import web

from archive_service.archive.errors import (
    AlbumArchived,
    AlbumEmpty,
    AlbumInMotion,
    AlbumUnpackable,
    ArchiveNotFound,
    ArchiveTooLarge,
    BadQuery,
    ClientBusy,
    ClientRefused,
    FileNotInAlbum,
    FormTimedOut,
    LinkExpired,
    LinkNotSigned,
    ListingTimedOut,
    NoForm,
    PartNotFound,
    Refused,
    SelectionOutdated,
    ServiceBusy,
    SpeculativeRequest,
    StorageUnavailable,
    TooManyChosen,
)
from archive_service.archive.id import InvalidArchiveId
from archive_service.http.negotiation import preferred
from archive_service.http.response_plan import ResponsePlan
from archive_service.web.pages.render import failure_text, render_failure

LANGUAGES = ("ru", "en")
_FORMATS = ("text/html", "application/json")
_RETRY_AFTER_S = 30
_RETRY_MOVING_AFTER_S = 10
_RETRY_ARCHIVED_AFTER_S = 3600
"""A store restores in minutes at best, most in hours."""
_RETRY_SPECULATION_AFTER_S = 3600
_PRINT_JSON = partial(json.dumps, ensure_ascii=False)


def _retry_after(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}


@dataclass(frozen=True, slots=True)
class Failure:
    """A status code, the key of its words, and header fields of its own."""

    status: int
    key: str
    fields: Mapping[str, str] = field(default_factory=dict)


PRECONDITION_FAILED = Failure(412, "precondition_failed")
RANGE_NOT_SATISFIABLE = Failure(416, "range_not_satisfiable")
EXPECTATION_FAILED = Failure(417, "expectation_failed")
REQUEST_LINE_TOO_LONG = Failure(414, "request_line_too_long")
COOKIES_TOO_LONG = Failure(431, "cookies_too_long")
FIELD_TOO_LONG = Failure(431, "field_too_long")
_FAILED_PLANS = {each.status: each for each in (PRECONDITION_FAILED, RANGE_NOT_SATISFIABLE)}
TOO_MANY_FIELDS = Failure(431, "too_many_fields")
LINK_UNREADABLE = Failure(400, "bad_query")
REQUEST_UNREADABLE = Failure(400, "bad_request")
INTERNAL = Failure(500, "internal")
_BY_EXCEPTION: tuple[tuple[type[Exception], Failure], ...] = (
    (InvalidArchiveId, Failure(404, "archive_not_found")),
    (ArchiveNotFound, Failure(404, "archive_not_found")),
    (FileNotInAlbum, Failure(404, "file_not_found")),
    (PartNotFound, Failure(404, "part_not_found")),
    (AlbumEmpty, Failure(404, "empty_archive")),
    # A 204 would be a success that a browser may show in answer to the click.
    (SpeculativeRequest, Failure(503, "speculative", _retry_after(_RETRY_SPECULATION_AFTER_S))),
    # Not a 410: where the file comes back the link works again.
    (SelectionOutdated, Failure(409, "selection_outdated")),
    (TooManyChosen, Failure(413, "too_many_chosen")),
    (NoForm, Failure(415, "no_form")),
    (FormTimedOut, Failure(408, "form_timed_out")),
    (ArchiveTooLarge, Failure(503, "too_large")),
    (AlbumUnpackable, Failure(503, "unpackable")),
    (AlbumInMotion, Failure(503, "in_motion", _retry_after(_RETRY_MOVING_AFTER_S))),
    (AlbumArchived, Failure(503, "archived", _retry_after(_RETRY_ARCHIVED_AFTER_S))),
    (LinkNotSigned, Failure(403, "link_not_signed")),
    (LinkExpired, Failure(410, "link_expired")),
    (ServiceBusy, Failure(503, "busy")),
    (ClientBusy, Failure(429, "client_busy")),
    (ClientRefused, Failure(429, "client_refused")),
    (ListingTimedOut, Failure(503, "slow_disk", _retry_after(_RETRY_AFTER_S))),
    (StorageUnavailable, Failure(503, "unavailable", _retry_after(_RETRY_AFTER_S))),
    (web.HTTPNotFound, Failure(404, "not_found")),
)


def failure_of(error: Exception) -> Failure:
    """Return the failure that a visitor sees for an exception."""
    if isinstance(error, BadQuery):
        return Failure(400, f"bad_{error.parameter}")
    if isinstance(error, web.HTTPMethodNotAllowed):
        return Failure(405, "method_not_allowed", {"Allow": error.headers["Allow"]})
    for kind, failure in _BY_EXCEPTION:
        if isinstance(error, kind):
            fields = _retry_after(error.retry_after_s) if isinstance(error, Refused) else {}
            return replace(failure, fields={**failure.fields, **fields})
    return INTERNAL


def failure_response(
    request: web.BaseRequest,
    failure: Failure,
    fields: Mapping[str, str] | None = None,
) -> web.Response:
    """Make the answer: a page or JSON, in the visitor's language (RFC 9110 section 12)."""
    language = preferred(request.headers.get("Accept-Language"), LANGUAGES)
    headers = {**failure.fields, **(fields or {}), **_negotiated(language)}
    if preferred(request.headers.get("Accept"), _FORMATS) == "application/json":
        message = failure_text(language, failure.key)
        body = {"status": failure.status, "error": failure.key, "message": message}
        return web.json_response(body, status=failure.status, headers=headers, dumps=_PRINT_JSON)
    text = render_failure(language, failure.status, failure.key)
    return page_response(text, failure.status, language, fields=headers)


def failed_plan_response(request: web.BaseRequest, answer: ResponsePlan) -> web.Response | None:
    """Make the answer of a plan that is a failure; return None for any other."""
    failure = _FAILED_PLANS.get(answer.status)
    if failure is None:
        return None
    return failure_response(request, failure, dict(answer.fields))


def page_response(
    text: str,
    status: int,
    language: str,
    *,
    nonce: str | None = None,
    fields: Mapping[str, str] | None = None,
) -> web.Response:
    """Make the answer of a page, which may load nothing from elsewhere."""
    headers = {**(fields or {}), **_negotiated(language), "Content-Security-Policy": _policy(nonce)}
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def _negotiated(language: str) -> dict[str, str]:
    return {"Vary": "Accept, Accept-Language", "Content-Language": language}


def _policy(nonce: str | None) -> str:
    own = f"'nonce-{nonce}'" if nonce else "'unsafe-inline'"
    script = own if nonce else "'none'"
    return (
        f"default-src 'none'; style-src {own}; script-src {script}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
