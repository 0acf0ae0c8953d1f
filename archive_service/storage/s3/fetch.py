"""A part of an object fetched ahead of its reader, and again from where it broke off.

Theory of operation.  One request asks for all of the part; its bytes are taken from the connection
only as far as there is room: within the reader's window, and within what all readers together may
hold.  A reader that waits gets bytes in any case.  What is not taken stays with the store, for TCP
holds it back.  A reader that pauses for long has its connection closed; so slow clients hold none,
and the next bytes are asked for as after a break.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from archive_service.archive.errors import DownloadFailed, SourceUnreadable
from archive_service.storage.s3.byte_queue import ByteQueue
from archive_service.storage.s3.memory_budget import Room
from archive_service.storage.s3.objects import Body, Objects, Part
from archive_service.storage.s3.store_errors import may_be_tried_again

CHUNK_BYTES = 256 * 1024
"""Bytes handed over at a time: fewer would cost more turns of threads, more would take longer."""
LEAST_BYTES = 64 * 1024
"""What a reader that waits gets where there is no room."""
CONNECTION_BYTES = 256 * 1024
"""What an open connection holds of itself: the client's buffers."""
IDLE_S = 10.0
"""How long a connection is kept for a reader that takes nothing."""
TRIES = 2
"""Failures in a row, with no byte between them, that end a read; the client has tried by then."""
_PAUSE_S = 0.5
"""Between failures, and longer from one to the next; the client pauses of itself, too."""


class Fetch:
    """One part on its way; `run` is for the loop, the rest for any thread."""

    def __init__(
        self,
        objects: Objects,
        part: Part,
        room: Room,
        call: Callable[[Callable[[], object]], None],
        *,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self.window = chunk_bytes
        """How many bytes may wait for the reader."""
        self.inbox = ByteQueue(self._taken)
        self._objects = objects
        self._part = part
        self._room = room
        self._call = call
        self._chunk_bytes = chunk_bytes
        self._position = part.start
        self._may_go_on = asyncio.Event()
        self._is_waiting = False

    async def run(self) -> None:
        """Fetch all of the part, or leave word of why that can't be."""
        failures = 0
        try:
            while self._position < self._part.stop:
                before = self._position
                try:
                    await self._fetch()
                except DownloadFailed as failure:
                    failures = 0 if self._position > before else failures + 1
                    if failures == TRIES or not may_be_tried_again(failure):
                        raise
                    await asyncio.sleep(_PAUSE_S * failures)
        except DownloadFailed as failure:
            self.inbox.end(failure)
        except BaseException:
            self.inbox.end(SourceUnreadable("internal error"))
            raise
        else:
            self.inbox.end()

    def close(self) -> None:
        """Give back what nobody will take; to be followed by the cancellation of `run`."""
        self._room.release(self.inbox.close())

    async def _fetch(self) -> None:
        """Fetch from the position on, to the end or until the reader has paused for long."""
        granted = await self._granted()
        self._room.take(CONNECTION_BYTES)
        try:
            async with self._objects.opened(self._part._replace(start=self._position)) as body:
                while granted:
                    room, granted = granted, 0  # it is for what receives to give it back
                    await self._receive(body, room)
                    if self._position < self._part.stop:
                        granted = await self._granted(within_s=IDLE_S)
        finally:
            self._room.release(CONNECTION_BYTES + granted)

    async def _receive(self, body: Body, granted: int) -> None:
        """Take what comes, as much as was granted: a reader woken for each packet were a waste."""
        left = min(granted, self._part.stop - self._position)
        chunks: list[bytes] = []
        try:
            while left:
                chunks.append(await body.read(left))
                if not chunks[-1]:
                    raise SourceUnreadable("unreachable")
                left -= len(chunks[-1])
        finally:  # what came before a connection broke is not fetched again
            received = b"".join(chunks)
            self._position += len(received)
            is_kept = received and self.inbox.put(received)
            self._room.release(granted - len(received) if is_kept else granted)

    async def _granted(self, within_s: float | None = None) -> int:
        """Wait for room, and take it; return how many bytes, 0 where there was none in time."""
        self._is_waiting = True
        try:
            while not (granted := self._grant()):
                await asyncio.wait_for(self._may_go_on.wait(), within_s)
        except asyncio.TimeoutError:
            return 0
        finally:
            self._is_waiting = False
        return granted

    def _grant(self) -> int:
        self._may_go_on.clear()
        fits = self.inbox.size + self._chunk_bytes <= self.window
        if fits and self._room.try_take(self._chunk_bytes):
            return self._chunk_bytes
        if self.inbox.is_awaited:
            self._room.take(LEAST_BYTES)
            return LEAST_BYTES
        if fits:
            self._room.wait(self._look_again)
        return 0

    def _taken(self, count: int) -> None:
        self._room.release(count)
        if self.inbox.size <= self.window // 2:  # to be woken has its price
            self._look_again()

    def _look_again(self) -> None:
        if self._is_waiting:  # and has looked after it began to be
            self._call(self._may_go_on.set)
