"""Sets the pace of a transfer: the size of its pieces, and the pauses between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

from archive_service.transfer.rate_limit import RateShare

_SLOWEST_PIECE_BYTES, _FASTEST_PIECE_BYTES = 64 * 1024, 4 * 1024 * 1024
_LEAST_SPAN_BYTES = 256 * 1024
_QUICK_S, _SLOW_S = 0.1, 0.5
DEBUG_PIECE_BYTES = 256 * 1024


class AdaptivePace:
    """Pieces that grow while the client is fast, and shrink while it is slow.

    So a slow client costs little memory, and a fast one few system calls.
    """

    def __init__(self) -> None:
        self._piece_bytes = _SLOWEST_PIECE_BYTES

    def buffer_bytes(self) -> int:
        """Return the size of the next piece; see `PieceSizes.buffer_bytes`."""
        return self._piece_bytes

    def span_bytes(self) -> int:
        """Return the size of the next piece; see `PieceSizes.span_bytes`."""
        return max(self._piece_bytes, _LEAST_SPAN_BYTES)

    def may_send(self, count: int) -> None:
        """Send at once; see `LimitedPace.may_send`."""

    def allows_steps(self) -> bool:
        """Return whether a little archive may be sent in a few steps."""
        return True

    def sent(self, count: int, duration_s: float) -> None:
        """Adapt to a piece that was sent: its bytes, and the seconds it took."""
        if duration_s > _SLOW_S:
            self._piece_bytes = max(self._piece_bytes // 2, _SLOWEST_PIECE_BYTES)
        elif duration_s < _QUICK_S and count >= self._piece_bytes // 2:
            self._piece_bytes = min(self._piece_bytes * 2, _FASTEST_PIECE_BYTES)


class DelayedPace:
    """Pieces of one size with a pause after each, slow enough for a person to watch."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._room = DEBUG_PIECE_BYTES

    def buffer_bytes(self) -> int:
        """Return how many bytes are left of the piece; see `PieceSizes.buffer_bytes`."""
        return self._room

    def span_bytes(self) -> int:
        """Return how many bytes are left of the piece; see `PieceSizes.span_bytes`."""
        return self._room

    def may_send(self, count: int) -> None:
        """Send at once; see `LimitedPace.may_send`."""

    def allows_steps(self) -> bool:
        """Return False: there is a pause after each piece."""
        return False

    def sent(self, count: int, duration_s: float) -> Awaitable[None] | None:
        """Count what was sent; pause after each full piece."""
        self._room -= count
        pauses = 0
        while self._room <= 0:
            self._room += DEBUG_PIECE_BYTES
            pauses += 1
        return asyncio.sleep(pauses * self._delay_s) if pauses else None


class LimitedPace:
    """Another pace, limited to its shares of the shared rates."""

    def __init__(self, pace: AdaptivePace | DelayedPace, shares: Sequence[RateShare]) -> None:
        self._pace = pace
        self._shares = shares

    def buffer_bytes(self) -> int:
        """Return the size of the next piece; see `PieceSizes.buffer_bytes`."""
        return min(self._pace.buffer_bytes(), self._limit_bytes())

    def span_bytes(self) -> int:
        """Return the size of the next piece; see `PieceSizes.span_bytes`."""
        return min(self._pace.span_bytes(), self._limit_bytes())

    async def may_send(self, count: int) -> None:
        """Take the bytes of a piece before it is sent: a client that leaves then takes no more."""
        for share in self._shares:
            await share.take(count)

    def allows_steps(self) -> bool:
        """Return False: each piece waits for its share."""
        return False

    def sent(self, count: int, duration_s: float) -> Awaitable[None] | None:
        """Report a sent piece to the other pace, and pause as that does."""
        return self._pace.sent(count, duration_s)

    def _limit_bytes(self) -> int:
        return min(share.piece_bytes() for share in self._shares)


Pace = AdaptivePace | DelayedPace | LimitedPace
