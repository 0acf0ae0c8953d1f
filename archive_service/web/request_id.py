"""One name for a request in the logs of all who handle it: `X-Request-ID`.

The front web server's is taken where there is one; otherwise it is made here.  Every line that is
logged meanwhile has it, and so has the answer where the request had it.
"""

from __future__ import annotations

import re
import secrets

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

FIELD = "X-Request-ID"
_SHAPE = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
_MADE_BYTES = 8


@web.middleware
async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle a request under its name."""
    name = _given(request) or secrets.token_hex(_MADE_BYTES)
    tokens = structlog.contextvars.bind_contextvars(request=name)
    try:
        return await handler(request)
    finally:
        structlog.contextvars.reset_contextvars(**tokens)


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """Put the name into the answer of whoever gave one: no other knows what to do with it."""
    name = _given(request)
    if name:
        response.headers[FIELD] = name


def _given(request: web.Request) -> str:
    """Return the name that the request has, or nothing where it can't be one."""
    given = request.headers.get(FIELD)
    return given if given and _SHAPE.fullmatch(given) else ""
