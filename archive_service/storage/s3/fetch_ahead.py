"""Fetches a part of an object ahead of its reader, and resumes after a broken connection.

Theory of operation.  One request asks for the whole part.  Its bytes are read from the connection
only while there is room: in the reader's window, and in the budget of all readers together.  A
waiting reader always gets bytes.  TCP makes the store wait with the rest.  The connection is closed
when the reader pauses for long, so slow clients hold no connections; the next bytes are requested
as after a break.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from archive_service.archive.errors import DownloadFailed, SourceUnreadable
from archive_service.storage.s3.answer_checks import Part
from archive_service.storage.s3.body import ENOUGH_BYTES, Body
from archive_service.storage.s3.bucket import Bucket
from archive_service.storage.s3.byte_queue import ByteQueue
from archive_service.storage.s3.memory_budget import MemoryBudget
from archive_service.storage.s3.store_errors import may_be_tried_again
from archive_service.storage.time_limits import ended_within

CHUNK_BYTES = 256 * 1024
"""Chunk size: smaller chunks cost more switches of threads, larger ones arrive later."""
LEAST_BYTES = 64 * 1024
"""Bytes for a waiting reader when there is no room."""
CONNECTION_BYTES = 256 * 1024
"""Memory of an open connection: the client's buffers."""
IDLE_S = 10.0
"""How long a connection stays open while the reader takes nothing."""
TRIES = 2
"""Failures in a row, without progress between them, that end a read; botocore retries each, too."""
_PAUSE_S = 0.5
"""Pause after a failure, times the failures in a row; botocore adds its own."""


class Fetch:
    """The fetch of one part; `run` is for the loop, the rest for any thread."""

    def __init__(
        self,
        objects: Bucket,
        part: Part,
        room: MemoryBudget,
        call: Callable[[Callable[[], object]], None],
        *,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self.window = chunk_bytes
        """The most bytes that may wait for the reader."""
        self.queue = ByteQueue(self._taken)
        self._objects = objects
        self._part = part
        self._room = room
        self._call = call
        self._chunk_bytes = chunk_bytes
        self._position = part.start
        self._may_go_on = asyncio.Event()
        self._is_waiting = False

    async def run(self) -> None:
        """Fetch the whole part; a failure goes to the reader through the queue."""
        failures = 0
        try:
            while self._position < self._part.stop:
                before = self._position
                try:
                    await self._fetch()
                except DownloadFailed as failure:
                    # After a time-out a few bytes are none: a store may drip for ever.
                    least_bytes = ENOUGH_BYTES if failure.reason == "timeout" else 1
                    failures = 0 if self._position - before >= least_bytes else failures + 1
                    if failures == TRIES or not may_be_tried_again(failure):
                        raise
                    await asyncio.sleep(_PAUSE_S * failures)
        except DownloadFailed as failure:
            self.queue.end(failure)
        except BaseException:
            self.queue.end(SourceUnreadable("internal error"))
            raise
        else:
            self.queue.end()

    def close(self) -> None:
        """Release the room of bytes not taken; the caller cancels `run` afterwards."""
        self._room.release(self.queue.close())

    async def _fetch(self) -> None:
        """Fetch from the position to the end, or until the reader pauses for long."""
        granted = await self._granted()
        self._room.take(CONNECTION_BYTES)
        try:
            async with self._objects.opened(self._part._replace(start=self._position)) as body:
                while granted:
                    room, granted = granted, 0  # `_receive` releases it
                    await self._receive(body, room)
                    if self._position < self._part.stop:
                        granted = await self._granted(within_s=IDLE_S)
        finally:
            self._room.release(CONNECTION_BYTES + granted)

    async def _receive(self, body: Body, granted: int) -> None:
        """Receive the granted bytes, then pass them on at once: waking the reader costs time."""
        left = min(granted, self._part.stop - self._position)
        chunks: list[bytes] = []
        try:
            while left:
                chunks.append(await body.read(left))
                left -= len(chunks[-1])
        finally:  # keep what came before the connection broke
            received = b"".join(chunks)
            self._position += len(received)
            is_kept = received and self.queue.put(received)
            self._room.release(granted - len(received) if is_kept else granted)

    async def _granted(self, within_s: float | None = None) -> int:
        """Wait for room and take it; return the bytes granted, 0 after the time-out."""
        self._is_waiting = True
        try:
            while not (granted := self._grant()):
                await ended_within(within_s, self._may_go_on.wait())
        except asyncio.TimeoutError:
            return 0
        finally:
            self._is_waiting = False
        return granted

    def _grant(self) -> int:
        self._may_go_on.clear()
        fits = self.queue.size + self._chunk_bytes <= self.window
        if fits and self._room.try_take(self._chunk_bytes):
            return self._chunk_bytes
        if self.queue.is_awaited:
            self._room.take(LEAST_BYTES)
            return LEAST_BYTES
        if fits:
            self._room.wait(self._look_again)
        return 0

    def _taken(self, count: int) -> None:
        self._room.release(count)
        if self.queue.size <= self.window // 2:  # waking costs time
            self._look_again()

    def _look_again(self) -> None:
        if self._is_waiting:  # set before its last look, so no wake-up is lost
            self._call(self._may_go_on.set)
