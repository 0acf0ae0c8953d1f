"""Links that an album's listing leaves out, as events."""

from __future__ import annotations

from archive_service.archive.first_time import FirstTimes
from archive_service.archive.id import ArchiveId
from archive_service.observe.events import LinkSkipped, Observe


class LeftOutLinks:
    """Reports each link that is left out once, however often its album is listed."""

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self._reported = FirstTimes()

    def __call__(self, archive: ArchiveId, inode: int, reason: str) -> None:
        """Report a link, if it is the first time."""
        event = LinkSkipped(archive, inode, reason)
        if self._reported.is_first(event):
            self._observe(event)
