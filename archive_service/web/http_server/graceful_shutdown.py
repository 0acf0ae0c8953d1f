"""Ends the server: downloads under way may finish, and reach their clients, within a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from archive_service.web.http_server.runner import Runner


async def shut_down(
    runner: Runner, next_signal: Callable[[], Awaitable[object]], *, timeout_s: float
) -> None:
    """Wait for downloads to finish; abort them after the time-out or the next signal."""
    answering = asyncio.all_tasks() - {asyncio.current_task()}
    stopping = asyncio.ensure_future(_stop(runner))
    impatient = asyncio.ensure_future(next_signal())
    await asyncio.wait(
        {stopping, impatient}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
    )
    for task in (*answering, impatient):
        task.cancel()  # a cancelled download cuts its connection
    await asyncio.gather(*answering, impatient, return_exceptions=True)
    runner.half_closed.end()
    await stopping


async def _stop(runner: Runner) -> None:
    await runner.cleanup()
    await runner.half_closed.wait()
