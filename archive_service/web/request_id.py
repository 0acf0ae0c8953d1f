"""One name for a request in the logs of all who handle it: `X-Request-ID`.

The front web server's is taken where there is one; otherwise it is made here.  Every line that is
logged meanwhile has it, and so has the answer where the request had it.
"""

from __future__ import annotations

import random
import re

from aiohttp import web
from aiohttp.typedefs import Handler

from archive_service.observe.log_context import in_each_line

FIELD = "X-Request-ID"
_SHAPE = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
_MADE_BITS = 64


@web.middleware
async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle a request under its name."""
    # It only has to differ: `secrets` asks the kernel, and lets go of the interpreter for that.
    name = _given(request) or f"{random.getrandbits(_MADE_BITS):016x}"  # nosec B311
    with in_each_line("request", name):
        return await handler(request)


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """Put the name into the answer of whoever gave one: no other knows what to do with it."""
    name = _given(request)
    if name:
        response.headers[FIELD] = name


def _given(request: web.Request) -> str:
    """Return the name that the request has, or nothing where it can't be one."""
    given = request.headers.get(FIELD)
    return given if given and _SHAPE.fullmatch(given) else ""
