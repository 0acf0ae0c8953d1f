"""How late an event loop is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

TICK_S = 0.001


@dataclass
class Lags:
    """How late the loop was, at each moment in which a visitor may come."""

    seconds: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        """Note each tick; those that one long pause swallowed count as well."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            late_s = loop.time() - due_s
            while late_s > 0:
                self.seconds.append(late_s)
                late_s -= TICK_S

    def row(self) -> Sequence[float]:
        """Return median, 99th percentile and maximum, milliseconds."""
        found = sorted(self.seconds)
        return [1e3 * found[int(part * (len(found) - 1))] for part in (0.5, 0.99, 1.0)]
