"""The rests of background work, by a clock that is handed in."""

from __future__ import annotations

from threading import Event

import pytest

from archive_service.checksums.background.throttle import Throttle
from archive_service.storage.disk_demand import DiskDemand

MIB = 1024 * 1024


class Rests(Event):
    """Notes how long each rest would take, and takes no time."""

    def __init__(self) -> None:
        super().__init__()
        self.taken_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.taken_s.append(timeout or 0.0)
        return False


def test_a_pause_for_downloads_is_no_work() -> None:
    now_s = [0.0]
    rests, demand = Rests(), DiskDemand()
    throttle = Throttle(demand, rests, clock_s=lambda: now_s[0])
    now_s[0] += 0.1
    throttle.keep(cold_bytes=MIB)
    with demand.busy():
        now_s[0] += 60
        assert throttle.makes_way()
    now_s[0] += 0.1
    throttle.keep(cold_bytes=MIB)
    assert rests.taken_s == pytest.approx([0.1, 0.1])
