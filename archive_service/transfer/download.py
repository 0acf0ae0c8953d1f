"""One download: it sends the parts of an answer in turn, and reports how it goes and ends.

Whatever ends it but the last byte closes the connection: the client sees fewer bytes than the
Content-Length and knows that the archive isn't whole.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

from aiohttp import ClientError

from archive_service.archive.errors import DownloadFailed
from archive_service.http.multipart import Literal, Slice
from archive_service.http.response_plan import ResponsePlan
from archive_service.observe.events import (
    DownloadFinished,
    DownloadInterrupted,
    DownloadStarted,
    FirstByteSent,
    Observe,
    PieceSent,
)
from archive_service.transfer.content import ArchiveContent
from archive_service.transfer.file_span import Chunk
from archive_service.transfer.loop_turns import AT_ONCE, LoopTurns, Turns, later_turn
from archive_service.transfer.read_ahead import is_quick
from archive_service.transfer.response_transfer import Transfer
from archive_service.transfer.sending_pace import Pace

NOTED_BYTES = 1024 * 1024
"""Pieces that the connection takes at once are noted together, up to this size."""
AT_ONCE_BYTES = 8 * 1024 * 1024
"""The bytes after which a download takes turns with others: little albums come first."""
_STEPS = 3
"""Steps in which the rest of a little archive is made anew; for slow clients that does not pay."""
_CONNECTION_ERRORS = (OSError, ClientError, asyncio.TimeoutError)


class DownloadRun:
    """Sends one answer's body and counts what the connection takes; `started` describes it."""

    def __init__(
        self,
        started: DownloadStarted,
        transfer: Transfer,
        *,
        pace: Pace,
        turns: LoopTurns,
        observe: Observe,
    ) -> None:
        self._started = started
        self._transfer = transfer
        self._pace = pace
        self._turns = turns
        self._observe = observe
        self._began_s = time.monotonic()
        self._sent_bytes = 0
        self._has_begun = False
        self._has_failed = False
        self._takes_turns = False

    @property
    def has_failed(self) -> bool:
        """Whether the download was cut because a file could not be sent as announced."""
        return self._has_failed

    async def send(self, answer: ResponsePlan, content: ArchiveContent) -> None:
        """Send the parts of an answer; a failure ends the connection, not the caller."""
        try:
            self._observe(self._started)
            await self._send_parts(answer, content)
            self._note_sent()
            self._transfer.require_complete()
        except (DownloadFailed, *_CONNECTION_ERRORS) as error:
            self._interrupt(error)
        except BaseException as error:
            self._interrupt(error)
            raise
        else:
            self._observe(
                DownloadFinished(
                    self._started.archive,
                    sent_bytes=self._sent_bytes,
                    duration_s=time.monotonic() - self._began_s,
                )
            )
        finally:
            if self._takes_turns:
                self._turns.leave()

    async def _send_parts(self, answer: ResponsePlan, content: ArchiveContent) -> None:
        for part in answer.body:
            if isinstance(part, Literal):
                await self._send_chunk(memoryview(part.data))
                continue
            start = await self._send_in_steps(part, content)
            if start == part.stop:
                continue
            chunks = content.chunks(start, part.stop, self._pace)
            async with aclosing(chunks):
                async for chunk in chunks:
                    await self._send_chunk(chunk)

    async def _send_in_steps(self, part: Slice, content: ArchiveContent) -> int:
        """Send a little archive in a few steps; return where in the archive the rest begins."""
        start, steps = part.start, _STEPS if self._pace.allows_steps() else 0
        while steps and (rest := content.in_one_step(start, part.stop)):
            start, steps = start + self._transfer.offer(rest), steps - 1
            if start == part.stop:
                break
            self._note_sent()
            await self._transfer.room()
        return start

    async def _send_chunk(self, chunk: Chunk) -> None:
        count = len(chunk)
        if allowed := self._pace.may_send(count):
            await allowed
        turns = self._turns_now()
        if not turns.take():
            await later_turn(turns)
        began_s = time.monotonic()
        if self._transfer.begin(chunk):
            self._note_sent()
            await self._transfer.finish(turns)
            self._note_sent()
        else:
            self._note_sent(at_least_bytes=NOTED_BYTES)
        if pause := self._pace.sent(count, time.monotonic() - began_s):
            self._note_sent()
            await pause

    def _turns_now(self) -> Turns:
        if self._sent_bytes < AT_ONCE_BYTES or not is_quick(self._pace):
            return AT_ONCE
        if not self._takes_turns:
            self._takes_turns = True
            self._turns.join()
        return self._turns

    def _note_sent(self, at_least_bytes: int = 1) -> None:
        """Note the bytes that the connection has taken since the last note, unless they are few."""
        sent_bytes, started = self._transfer.sent_bytes, self._started
        count = sent_bytes - self._sent_bytes
        if count and not self._has_begun:
            self._has_begun = True
            self._observe(FirstByteSent(time.monotonic() - self._began_s))
        if count >= at_least_bytes:
            self._sent_bytes = sent_bytes
            self._observe(PieceSent(started.archive, count, sent_bytes, started.content_length))

    def _interrupt(self, error: BaseException) -> None:
        reason = self._reason(error)
        self._has_failed = isinstance(error, DownloadFailed)
        self._transfer.abort()
        self._note_sent()  # of a piece that was not finished
        self._observe(
            DownloadInterrupted(
                self._started.archive,
                reason,
                sent_bytes=self._sent_bytes,
                content_length=self._started.content_length,
                duration_s=time.monotonic() - self._began_s,
            )
        )

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, DownloadFailed):
            return error.reason
        if self._transfer.is_too_slow():
            return "too slow"
        if self._transfer.has_stalled():
            return "stalled"
        if isinstance(error, _CONNECTION_ERRORS) or self._transfer.is_cut():
            return "client left"
        return "shutdown" if isinstance(error, asyncio.CancelledError) else "internal error"
