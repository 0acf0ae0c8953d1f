"""The size of the index for the metrics, which do not wait for its disk."""

from __future__ import annotations

from concurrent.futures import Future, wait
from pathlib import Path

from archive_service.storage.lanes import LaneLimits, Lanes

_WITHIN_S = 1.0
_ONE_THREAD = LaneLimits(per_lane=1, usual=1, most=1)


class IndexSize:
    """Looks at the index file, at most once at a time; from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lane = Lanes("index size", _ONE_THREAD).of("size")
        self._look: Future[int] | None = None

    def __call__(self) -> int | None:
        """Return the size in bytes; None if there is no file, or its disk does not answer."""
        look = self._look
        if look is None:
            look = self._look = self._lane.submit(lambda: self._path.stat().st_size)
            wait([look], _WITHIN_S)
        if not look.done():
            return None
        self._look = None
        return None if look.exception() else look.result()
