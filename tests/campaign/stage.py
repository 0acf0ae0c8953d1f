"""What the parts of a soak share: the servers, the albums, and what is known of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from campaign.album import Album, FileState, Target
from campaign.evidence import Journal, lines_about, rows_of
from harness.http import request
from harness.oracle import Oracle, WrongBytes
from harness.server import Server


@dataclass
class Stage:
    """One run of the soak."""

    chance: Random
    photos_dir: Path
    cache_dir: Path
    albums: Sequence[Album]
    targets: Sequence[Target]
    oracle: Oracle
    server: Server
    counts: Counter[str] = field(default_factory=Counter)
    journal: Journal = field(default_factory=Journal)
    bound: dict[str, bytes] = field(default_factory=dict)
    """The archive that each entity tag stands for."""

    def bind(self, etag: str, archive: bytes) -> bytes:
        """Bind a tag to an archive, for good; return what it is bound to.

        The tag stays that of what an album was until a file that was rewritten with its old time
        has been read: what is sent under it is no other bytes, but cut.
        """
        return self.bound.setdefault(etag, archive)

    def inodes(self) -> Mapping[int, FileState]:
        """Return the files of all albums, by their inodes."""
        return {state.inode: state for album in self.albums for state in album.states().values()}

    def tag(self, target: Target) -> str | None:
        """Return the entity tag of a target as the server tells it now."""
        return request(self.server.port, "HEAD", link(target)).fields.get("etag")

    def note(self, target: Target, text: str) -> None:
        for album in target.albums():
            self.journal.note(album.name, text)

    def evidence(self, target: Target, request_id: str = "none") -> str:
        """Return what befell a target, what the index and the log say of it."""
        lines = []
        for album in target.albums():
            lines += [f"album {album.name}:", *self.journal.of(album.name)]
            if album.is_there:
                rows = rows_of(self.photos_dir, album.name, self.cache_dir)
                lines += ["the index, as it is now:", *rows]
        return "\n".join([*lines, *lines_about(self.server.lines, request_id)])

    def wrong(self, target: Target, request_id: str, *lines: str) -> WrongBytes:
        return WrongBytes("\n".join([*lines, self.evidence(target, request_id)]))


def link(target: Target) -> str:
    return f"/archive/{target.name}/"
