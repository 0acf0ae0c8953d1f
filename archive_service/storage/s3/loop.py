"""An event loop in a thread of its own that runs coroutines for other threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import CancelledError, Executor, Future
from contextlib import suppress
from typing import Any, TypeVar

from archive_service.storage.lane_limits import LaneLimits
from archive_service.storage.thread_lanes import Lanes

_BLOCKING = LaneLimits(per_lane=32, usual=32, most=32)
"""Threads for calls that block: names are looked up in them."""
_Result = TypeVar("_Result")


class _Loop(asyncio.SelectorEventLoop):
    """A loop whose end, like that of the process, waits for no name server."""

    def __init__(self) -> None:
        super().__init__()
        self._blocking = Lanes("s3 names", _BLOCKING).of("names")

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., _Result], *args: object
    ) -> asyncio.Future[_Result]:
        """Call a function in a thread, of the loop's own unless another is named."""
        return asyncio.wrap_future((executor or self._blocking).submit(func, *args), loop=self)


class LoopThread:
    """The loop and its thread.

    `close` cancels what runs; later calls raise CancelledError.
    """

    def __init__(self, name: str) -> None:
        self._loop = _Loop()
        self._is_closing = False
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine and wait for its result; never call it in the loop itself."""
        return self._begun(coroutine).result()

    def start(self, coroutine: Coroutine[Any, Any, None]) -> Callable[[], object]:
        """Start a coroutine; return a function that cancels it, from any thread."""
        return self._begun(coroutine).cancel

    def call(self, callback: Callable[[], object]) -> None:
        """Call a function in the loop; do nothing once the loop is closed."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel what runs, run `last`, and end the thread; a second call does nothing."""
        if self._is_closing:
            last.close()
            return
        self._is_closing = True
        asyncio.run_coroutine_threadsafe(_end(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _begun(self, coroutine: Coroutine[Any, Any, _Result]) -> Future[_Result]:
        if self._is_closing:
            coroutine.close()
            raise CancelledError
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


async def gathered(coroutines: Iterable[Coroutine[Any, Any, _Result]]) -> list[_Result]:
    """Run coroutines at once; the first that fails ends the others."""
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _end(last: Coroutine[Any, Any, None]) -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await last
    await asyncio.get_running_loop().shutdown_asyncgens()
