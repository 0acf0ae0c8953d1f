"""How many threads the lanes of `thread_lanes.py` may have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How many threads there may be."""

    per_lane: int
    usual: int
    """In all, without those whose work takes long or hangs."""
    most: int
    """In all."""

    def share(self, taken: int) -> int:
        """Return how many threads a lane may have while so many are taken.

        Beyond the usual number it has fewer as fewer are left: lanes that hang leave one for each
        other lane.
        """
        if taken <= self.usual or self.per_lane == self.most:
            return self.per_lane
        return max(1, self.per_lane * (self.most - taken) // (self.most - self.usual))


ONE_THREAD = LaneLimits(per_lane=1, usual=1, most=1)
