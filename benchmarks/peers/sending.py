"""Sends what a Python peer's library yields through aiohttp, in two ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from aiohttp import web

_PIECE = 256 * 1024
"""Bytes that one call in a thread returns."""

Packing = tuple[Iterable[bytes], int | None]
"""The chunks of an archive, and its length where the library knows it."""


def serve(pack: Callable[[Path], Packing]) -> None:
    """Serve albums below a directory; both, the directory and the port, are arguments."""
    import sys  # noqa: PLC0415 - only a program has arguments

    photos, port = Path(sys.argv[1]), int(sys.argv[2])

    async def chunk_by_chunk(request: web.Request) -> web.StreamResponse:
        chunks, length = pack(photos / request.match_info["album"])
        response = await _prepared(request, length)
        for chunk in chunks:
            await response.write(chunk)
        return response

    async def in_threads(request: web.Request) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        album = photos / request.match_info["album"]
        chunks, length = await loop.run_in_executor(None, pack, album)
        response = await _prepared(request, length)
        iterator = iter(chunks)
        while piece := await loop.run_in_executor(None, _next_piece, iterator):
            await response.write(piece)
        return response

    app = web.Application()
    app.router.add_get("/loop/{album}", chunk_by_chunk)
    app.router.add_get("/thread/{album}", in_threads)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


async def _prepared(request: web.Request, length: int | None) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/zip"})
    response.content_length = length
    await response.prepare(request)
    return response


def _next_piece(chunks: Iterator[bytes]) -> bytes:
    piece: list[bytes] = []
    size = 0
    for chunk in chunks:
        piece.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            break
    return piece[0] if len(piece) == 1 else b"".join(piece)
