"""The form of chosen files: the body of a POST, read within bounds of size, time and memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from archive_service.archive.errors import FormTimedOut, NoForm, ServiceBusy, TooManyChosen
from archive_service.http.query_pairs import query_pairs
from archive_service.storage.time_limits import ended_within
from archive_service.web.query import download_name, file_names

MAX_FORM_BYTES = 4 * 1024 * 1024
"""Some 20,000 long Cyrillic names, percent-encoded."""
MAX_FORM_FIELDS = 100_000
FORM_TIMEOUT_S = 60.0
"""For the whole body; a slow line of 64 KB/s sends the largest form in it."""
MAX_HELD_BYTES = 64 * 1024 * 1024
"""Of all forms that a process reads at once."""
_FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class ChosenFiles:
    """What a form says."""

    files: tuple[str, ...]
    """As `?file=` has them; none stands for the whole album."""
    name: str | None
    """As `?name=` has it; None where the form leaves it empty or out."""


class FormReader:
    """Reads the forms that come to one process."""

    def __init__(self) -> None:
        self._held_bytes = 0

    async def read(self, request: web.Request) -> ChosenFiles:
        """Read the body of a request.

        Raise NoForm, FormTimedOut, TooManyChosen, ServiceBusy, or BadQuery for a value.
        """
        if request.content_type != _FORM_TYPE or "Content-Encoding" in request.headers:
            raise NoForm
        if (request.content_length or 0) > MAX_FORM_BYTES:
            raise TooManyChosen
        body = bytearray()
        try:
            await ended_within(FORM_TIMEOUT_S, self._receive(request, body))
            return await asyncio.to_thread(_parsed, bytes(body))
        except asyncio.TimeoutError:
            raise FormTimedOut from None
        finally:
            self._held_bytes -= len(body)

    async def _receive(self, request: web.Request, body: bytearray) -> None:
        async for block in request.content.iter_any():
            body += block
            self._held_bytes += len(block)
            if len(body) > MAX_FORM_BYTES:
                raise TooManyChosen
            if self._held_bytes > MAX_HELD_BYTES:
                raise ServiceBusy


def _parsed(body: bytes) -> ChosenFiles:
    if body.count(b"&") >= MAX_FORM_FIELDS:
        raise TooManyChosen
    form = query_pairs(body.decode("utf-8", "surrogateescape"))
    # A browser sends a text field that was left empty.
    names = [name for name in form.values("name") if name.strip()]
    download_name(names)
    files = tuple(dict.fromkeys(file_names(form.values("file"))))
    return ChosenFiles(files, names[0].strip() if names else None)
