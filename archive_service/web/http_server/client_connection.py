"""A client's connection: limits of headers, sides that close, and pages for bad requests.

aiohttp answers malformed requests before they reach an application: in plain text, with a copy of
the request, which holds the archive's id, and with the versions of aiohttp and Python.
"""

from __future__ import annotations

import asyncio
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import BadStatusLine, InvalidURLError, LineTooLong

from archive_service.transfer.response_transfer import close_now
from archive_service.transfer.tcp_info import TcpProgress, progress_of
from archive_service.web.failures import (
    COOKIES_TOO_LONG,
    EXPECTATION_FAILED,
    FIELD_TOO_LONG,
    INTERNAL,
    LINK_UNREADABLE,
    REQUEST_LINE_TOO_LONG,
    REQUEST_UNREADABLE,
    TOO_MANY_FIELDS,
    Failure,
    failure_response,
)
from archive_service.web.http_server.half_closed import HalfClosed
from archive_service.web.response_headers import add_fields

MAX_REQUEST_TARGET_BYTES = 8190
MAX_FIELD_BYTES = 65_536
"""Of a field's name and value.  Browsers send all cookies of the site with a download, and a web
server in front may join them into one field: three of 4 KB are common."""
MAX_HEADER_BYTES = 131_072
"""Of the request line and all fields; a longer header is neither read nor answered."""
MAX_FIELDS = 128
_COOKIE = b"cookie"
QUIET_S = 0.4
"""After this time without progress, a half-closed connection counts as abandoned."""


@dataclass(frozen=True, slots=True)
class ConnectionTimes:
    """How long a connection waits for its client."""

    header_s: float = 30.0
    """For the header of a request, from its first byte or from the start of the connection."""
    idle_s: float = 75.0
    """For the next request.  Longer than the 60 s for which nginx keeps its connections, because
    the server must not close first."""
    drain_s: float = 1.0
    """For the rest of a request's body, which is discarded, after the answer."""
    close_s: float = 0.0
    """For the client to close its side, after a download and once this side is closed.  0 closes
    both: the kernel delivers the rest, whatever becomes of the process."""


USUAL_TIMES = ConnectionTimes()
TIMES_OF_PASSING_NETWORK = ConnectionTimes(close_s=600.0)
"""For a process whose network ends with it.  A download may take this long to come out of the
buffers of a container engine's proxy."""


class ClientConnection(web.RequestHandler):
    """One connection; `awaited` has those whose header is awaited, and since when."""

    __slots__ = (
        "_awaited",
        "_body",
        "_count",
        "_half_closed",
        "_has_sent_download",
        "_header",
        "_header_deadline",
        "_header_timeout_s",
        "_socket",
    )

    def __init__(
        self,
        server: web.Server,
        *,
        times: ConnectionTimes,
        count: Callable[[int], None] | None,
        awaited: dict[ClientConnection, float],
        half_closed: HalfClosed,
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=times.idle_s,
            access_log=None,  # type: ignore[arg-type] # may be None; a log would hold ids
            auto_decompress=False,  # no handler expects a compressed body
            lingering_time=times.drain_s,
            max_line_size=MAX_REQUEST_TARGET_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
        )
        self._body: StreamReader | None = None
        """The body of the last request answered; some of it may not have arrived."""
        self._header = b""
        """The bytes of the last header, and those received with its end."""
        self._count = count
        self._awaited = awaited
        self._half_closed = half_closed if times.close_s else None
        self._socket: TransportSocket | None = None
        self._has_sent_download = False
        """Whether the last answer was a download, and whole."""
        self._header_timeout_s = times.header_s
        self._header_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and start the deadline for a request's header."""
        super().connection_made(transport)
        self._socket = transport.get_extra_info("socket")
        self._expect_header()
        if self._count:
            self._count(1)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop counting the connection; after a download, only once the client has closed it."""
        super().connection_lost(exc)
        self._expect_no_header()
        if exc is None and self._has_sent_download and self._half_closed and self._socket:
            # The transport closes its own handle behind this call.
            self._half_closed.take_over(self._socket, self._uncount)
        else:
            self._uncount()

    def _uncount(self) -> None:
        if self._count:
            self._count(-1)

    def data_received(self, data: bytes) -> None:
        """Receive data; the deadline of an incomplete header starts with its first byte."""
        if self._is_idle():
            self._header = data if self._header_deadline is None else self._header + data
        super().data_received(data)
        if not self._is_idle():
            self._expect_no_header()
            self._has_sent_download = False
        elif len(self._header) > MAX_HEADER_BYTES:
            self.force_close()
        elif self._header_deadline is None:
            self._expect_header()

    def _expect_header(self) -> None:
        loop = asyncio.get_running_loop()
        self._header_deadline = loop.call_later(self._header_timeout_s, self.force_close)
        self._await_header()

    def _await_header(self) -> None:
        """Note the begin of the wait, behind those of all others."""
        self._awaited.pop(self, None)
        self._awaited[self] = asyncio.get_running_loop().time()

    def _expect_no_header(self) -> None:
        self._awaited.pop(self, None)
        if self._header_deadline is not None:
            self._header_deadline.cancel()
            self._header_deadline = None

    def close_silent(self) -> bool:
        """Close the connection unless a request is being answered; return whether it was closed."""
        if not self._is_idle():
            return False
        self._expect_no_header()
        self.force_close()
        return True

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio uses it
        """Continue the answer after the client has closed its side: it may still be reading.

        A client that has left looks the same until something is sent to it.  So the connection is
        cut after a while without progress, such as while a large file is hashed.
        """
        progress = self._progress()
        if progress is None or self._is_idle():
            return False
        self.close()  # after the answer
        self._look_later(progress)
        return True

    def _is_idle(self) -> bool:
        return self._waiter is not None and not self._waiter.done()  # for a request

    def _look_later(self, before: TcpProgress) -> None:
        asyncio.get_running_loop().call_later(QUIET_S, self._look, before)

    def _look(self, before: TcpProgress) -> None:
        now, transport = self._progress(), self.transport
        if now is None or transport is None:
            return
        if now.is_reset or (now == before and not now.is_pending):
            transport.abort()
        else:
            self._look_later(now)

    def _progress(self) -> TcpProgress | None:
        """Return the progress of the connection; None if it is closed."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return None
        return progress_of(transport.get_extra_info("socket"))

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; replace aiohttp's own 417 by a page.

        If header fields were already sent for the request, close the connection instead: the client
        would take a second answer for the body of the first.
        """
        if isinstance(resp, web.HTTPExpectationFailed):
            resp = failure_response(request, EXPECTATION_FAILED)
            add_fields(request, resp)
        if request.writer.output_size and not resp.prepared:
            close_now(self)
            return resp, True
        finished = await super().finish_response(request, resp, start_time)
        self._body = request.content
        if self.transport is not None:
            self._await_header()
            is_whole = not self.transport.is_closing()
            self._has_sent_download = is_whole and _is_download(request, resp)
        return finished

    def close(self) -> None:
        """Close the connection after the answers, without waiting for the rest of a body."""
        super().close()
        if self._body is not None:
            self._body.feed_eof()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that no handler has answered."""
        if isinstance(exc, ConnectionError):  # the client has left
            self.force_close()
            return web.Response(status=status)
        if status == HTTPStatus.BAD_REQUEST:
            self.logger.debug("Request refused: %s", type(exc).__name__)
            failure = _header_failure(exc, self._header)
        else:
            super().handle_error(request, status, exc, message)  # logs it
            failure = INTERNAL
        response = failure_response(request, failure)
        add_fields(request, response)
        response.force_close()
        return response


def _is_download(request: web.BaseRequest, response: web.StreamResponse) -> bool:
    """Return whether a body was streamed; a `web.Response` has its whole, short body at once."""
    has_body = request.method == "GET" and bool(response.content_length)
    return has_body and not isinstance(response, web.Response)


def _header_failure(error: BaseException | None, header: bytes) -> Failure:
    """Return the failure for a header, given its bytes up to where parsing stopped."""
    if isinstance(error, LineTooLong):
        is_of_line = MAX_REQUEST_TARGET_BYTES in error.args
        return REQUEST_LINE_TOO_LONG if is_of_line else _failure_of_field(header)
    # A space in a link ends it early, and the rest is no version of HTTP.
    if isinstance(error, InvalidURLError | BadStatusLine):
        return LINK_UNREADABLE
    return TOO_MANY_FIELDS if header.count(b"\r\n") > MAX_FIELDS else REQUEST_UNREADABLE


def _failure_of_field(header: bytes) -> Failure:
    longest = max(header.split(b"\r\n"), key=len)
    name, _, _ = longest.partition(b":")
    return COOKIES_TOO_LONG if name.strip().lower() == _COOKIE else FIELD_TOO_LONG
