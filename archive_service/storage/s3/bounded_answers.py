"""The HTTP of a store's client; only an object may be of any size.

The client takes the whole of every other answer into memory before it parses it.  So a store, or
what stands in its place, could fill the memory with a page that never ends.  And the client's
time-outs begin anew with each piece, so one byte a second, of the header or of the content, would
hold whoever waits for the answer.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.httpsession import AIOHTTPSession
from aiohttp import ClientResponse
from botocore.exceptions import HTTPClientError, ReadTimeoutError

from archive_service.storage.time_limits import at_most, ended_within

MOST_BYTES = 16 * 1024 * 1024
"""Four times the largest page of a listing: 1,000 keys of 1,024 bytes, each of which takes three
characters if it is escaped, and 1,000 bytes about each object."""
PATIENCE = 6
"""Time-outs that an answer may take in all, and a listing with its repetitions: two for each try,
to connect and to read."""
_FIRST_REDIRECTION = 300
"""From this status on, the content of an answer is no object."""


class AnswerTooLarge(ValueError):
    """An answer is larger than any that S3 knows."""


class BoundedSession(AIOHTTPSession):  # type: ignore[misc]  # it has no types
    """Reads an answer that is no object up to MOST_BYTES; raise AnswerTooLarge beyond."""

    def __init__(self, *, timeout: tuple[float, float], **settings: Any) -> None:  # noqa: ANN401
        super().__init__(timeout=timeout, **settings)
        _, read_s = timeout
        self._patience_s = PATIENCE * read_s

    async def send(self, request: Any) -> AioAWSResponse:  # noqa: ANN401 - it has no types
        """Send a request; return the answer, read if it is no object."""
        is_object = request.stream_output
        request.stream_output = True  # leaves the content to us
        try:
            with at_most(self._patience_s):
                answer = await super().send(request)
        except asyncio.TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from None
        if is_object and answer.status_code < _FIRST_REDIRECTION:
            return answer
        try:
            content = await ended_within(self._patience_s, _read(answer.raw))
        except AnswerTooLarge:
            raise
        # As the client does it with whatever ends its reading: it then tries again.
        except asyncio.TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from None
        except Exception as error:  # noqa: BLE001
            raise HTTPClientError(error=error) from None
        return AioAWSResponse(answer.url, answer.status_code, answer.headers, _Content(content))


class _Content(NamedTuple):
    """The content of an answer that was read."""

    content: bytes

    async def read(self) -> bytes:
        return self.content


async def _read(answer: ClientResponse) -> bytes:
    try:
        return await _bounded(answer)
    except BaseException:  # a cancellation as well
        answer.close()
        raise


async def _bounded(answer: ClientResponse) -> bytes:
    content = bytearray()
    async for received in answer.content.iter_any():
        content += received
        if len(content) > MOST_BYTES:
            raise AnswerTooLarge
    return bytes(content)
