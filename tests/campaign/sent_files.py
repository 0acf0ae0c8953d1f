"""The files of a download under way, and whether one of them may be the reason for a cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from campaign.album import FileState
from campaign.layout import Span, spans_of


@dataclass
class SentFiles:
    """The files of which a download sends the range from `start` to `stop` of an archive."""

    archive: bytes
    start: int
    stop: int
    described: Mapping[str, FileState]
    """As they were when the download began."""
    changed: set[str] = field(default_factory=set)
    """Those that have really changed since."""
    rewritten: set[str] = field(default_factory=set)
    """Those that were changed in place, whatever their name: open ones have changed, too."""
    _gone: set[str] = field(default_factory=set)
    """Those that have no name any more, so that another file may get their inode."""

    def look(self, now: Mapping[str, FileState], inodes: Mapping[int, FileState]) -> None:
        """Take note of which files are no longer what they were.

        `now` are the files that an archive would have now, `inodes` those of all albums.
        """
        for name, was in self.described.items():
            if was.has_become(now.get(name)):
                self.changed.add(name)
            same = inodes.get(was.inode)
            if same is None:
                self._gone.add(name)
            elif name not in self._gone and was.was_rewritten(same):
                self.rewritten.add(name)

    def may_end_at(self, position: int) -> bool:
        """Return whether something may have cut the download there.

        Behind a file it has been compared, and only what is written into it matters: its bytes may
        be on their way still.
        """
        spans, directory_at = spans_of(self.archive)
        return any(
            position <= self._needed_to(spans[name].stop, spans[name], directory_at)
            or (name in self.rewritten and self._has(spans[name]))
            for name in self.changed | self.rewritten
        )

    def may_be_found_out_at(self, position: int) -> bool:
        """Return whether the tag may be of an earlier content of a file that was still to come."""
        spans, directory_at = spans_of(self.archive)
        return any(
            position <= self._needed_to(spans[name].start, spans[name], directory_at)
            for name, state in self.described.items()
            if state.is_doubtful
        )

    def _has(self, span: Span) -> bool:
        return span.start < self.stop and self.start < span.stop

    def _needed_to(self, end: int, span: Span, directory_at: int) -> int:
        """Return up to where an entry is needed, -1 where it is not, by the end of that need.

        Who begins behind its header needs its CRC-32 in the central directory all the same.
        """
        if span.start >= self.stop:
            return -1
        if self.start <= span.start:
            return end
        return self.stop if self.stop > directory_at else end if self.start < span.stop else -1
