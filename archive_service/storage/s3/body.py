"""The body of an object, which must come whole and not too slowly.

The client's time-out begins anew with each piece, so a store that sends one byte a second would
hold a download, and all who wait for the same checksum, for days.
"""

from __future__ import annotations

import time
from typing import Any

from archive_service.archive.errors import SourceUnreadable
from archive_service.storage.thread_progress import note_progress

ENOUGH_BYTES = 32 * 1024
"""What must come in the time that a reader waits at most, or else the store counts as silent."""


class Body:
    """A body of aiobotocore; only the time in which its reader waits for the store counts."""

    def __init__(self, body: Any, *, patience_s: float) -> None:  # noqa: ANN401 - it has no types
        self._body = body
        self._patience_s = patience_s
        self._waited_s = 0.0
        self._received = 0

    async def read(self, limit: int) -> bytes:
        """Return the next bytes; raise SourceUnreadable at the end, or if they are too few."""
        began_s = time.monotonic()
        received: bytes = await self._body.read(limit)
        note_progress()
        self._waited_s += time.monotonic() - began_s
        self._received += len(received)
        if self._waited_s > self._patience_s:
            if self._received < ENOUGH_BYTES:
                raise SourceUnreadable("timeout")
            self._waited_s, self._received = 0.0, 0
        if not received:
            raise SourceUnreadable("unreachable")
        return received

    async def fill(self, buffer: memoryview) -> None:
        """Read as many bytes as a buffer has; raise like `read`."""
        while buffer:
            chunk = await self.read(len(buffer))
            buffer[: len(chunk)] = chunk
            buffer = buffer[len(chunk) :]
