"""One span of OpenTelemetry for each request, from its header to the last byte of the answer.

Attributes follow the semantic conventions for HTTP servers, without those that hold the path or the
query, because they contain the archive's id.  An observer adds what only the service knows to the
current span.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from opentelemetry.propagate import extract
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_trace_id,
    use_span,
)

from archive_service.observe.log_context import LineField
from archive_service.web.monitoring import PATHS as OF_NO_VISITOR

_KNOWN_METHODS = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
)
_STATUS_CODE, _ERROR_TYPE = "http.response.status_code", "error.type"


def traced(tracer: Tracer) -> Middleware:
    """Make the middleware; it must be the outermost, so that failures are answers by then."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in OF_NO_VISITOR:
            return await handler(request)
        span = _started(tracer, request)
        trace_id = format_trace_id(span.get_span_context().trace_id)
        with (
            use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False),
            LineField("trace_id", trace_id),
        ):
            try:
                response = await handler(request)
            except BaseException as error:  # the client has left, or the service ends
                _set_failed(span, type(error).__name__)
                raise
            _set_answered(span, response.status)
        return response

    return middleware


def _started(tracer: Tracer, request: web.Request) -> Span:
    method = request.method if request.method in _KNOWN_METHODS else "_OTHER"
    attributes = {
        "http.request.method": method,
        "url.scheme": request.scheme,
        "network.protocol.version": f"{request.version.major}.{request.version.minor}",
    }
    name = "HTTP" if method == "_OTHER" else method
    resource = request.match_info.route.resource
    if resource is not None:
        attributes["http.route"] = resource.canonical
        name = f"{name} {resource.canonical}"
    return tracer.start_span(
        name, extract(request.headers), kind=SpanKind.SERVER, attributes=attributes
    )


def _set_answered(span: Span, status: int) -> None:
    span.set_attribute(_STATUS_CODE, status)
    if status >= web.HTTPInternalServerError.status_code:
        span.set_status(Status(StatusCode.ERROR))
        _set_failed(span, str(status))


def _set_failed(span: Span, reason: str) -> None:
    """Set a reason unless the observer has set one, which is more precise."""
    if isinstance(span, ReadableSpan) and _ERROR_TYPE not in (span.attributes or {}):
        span.set_attribute(_ERROR_TYPE, reason)
