"""The client of a request."""

from __future__ import annotations

from aiohttp import web

from archive_service.http.client_address import Client, TrustedProxies

_CLIENT = web.RequestKey("client", Client)


def client_of(request: web.Request, proxies: TrustedProxies) -> Client:
    """Return the client that a request is counted for; its addresses are read once."""
    client = request.get(_CLIENT)
    if client is None:
        client = request[_CLIENT] = proxies.client(
            request.remote or "",
            forwarded=request.headers.getall("Forwarded", ()),
            x_forwarded_for=request.headers.getall("X-Forwarded-For", ()),
        )
    return client
