"""Gives each request an id for the logs of all programs that handle it: `X-Request-ID`.

The id comes from the web server in front, or is made here.  Every log line of the request has it.
The answer has it if the request had it.
"""

from __future__ import annotations

import os
import re

from aiohttp import web
from aiohttp.typedefs import Handler

from archive_service.observe.log_context import LineField

FIELD = "X-Request-ID"
_SHAPE = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
_MADE_BYTES = 8


@web.middleware
async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle a request with its id in all log lines."""
    name = _given(request) or os.urandom(_MADE_BYTES).hex()
    with LineField("request", name):
        return await handler(request)


async def echo(request: web.Request, response: web.StreamResponse) -> None:
    """Return a given id with the answer."""
    name = _given(request)
    if name:
        response.headers[FIELD] = name


def _given(request: web.Request) -> str:
    """Return the id of the request; empty if it has none, or a malformed one."""
    given = request.headers.get(FIELD)
    return given if given and _SHAPE.fullmatch(given) else ""
