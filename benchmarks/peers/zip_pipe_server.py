"""Info-ZIP's zip, whose standard output aiohttp sends on."""

import asyncio
import os
import sys
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path

from aiohttp import web

_PIPE = 1024 * 1024
"""The largest a pipe may be without privileges."""


async def _archive(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/zip"})
    await response.prepare(request)
    album = Path(sys.argv[1]) / request.match_info["album"]
    read_end, write_end = os.pipe()
    fcntl(write_end, F_SETPIPE_SZ, _PIPE)
    command = ("zip", "-0", "-q", "-r", "-", ".")
    process = await asyncio.create_subprocess_exec(*command, cwd=album, stdout=write_end)
    os.close(write_end)
    output = asyncio.StreamReader(limit=_PIPE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read_end, "rb")
    )
    try:
        while chunk := await output.read(_PIPE):
            await response.write(chunk)
    finally:
        transport.close()
        await process.wait()
    return response


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/{album}", _archive)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), print=None, access_log=None)
