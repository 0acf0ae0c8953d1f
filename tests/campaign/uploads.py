"""Uploads into the albums of the soak: which may begin, and what becomes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from campaign.album import Album, Upload
from campaign.hand import MOST_FILES, Hand

BeginUpload = Callable[[Album], Upload | None]
"""Begin an upload into an album; None where none of this kind is possible."""
Uploaders = Callable[[Hand], AbstractContextManager[BeginUpload]]
MOST_AT_ONCE = 3


class Uploads:
    """The uploads of a run."""

    def __init__(self, kinds: Sequence[BeginUpload], hand: Hand, counts: Counter[str]) -> None:
        self._kinds = kinds
        self._hand = hand
        self._counts = counts

    def begin(self, albums: Sequence[Album], downloaded: Sequence[Album]) -> Album | None:
        """Begin one into an album that has none, rather one that is downloaded; return it."""
        idle = [a for a in (*albums, *downloaded, *downloaded) if a.is_there and not a.upload]
        under_way = sum(album.upload is not None for album in albums)
        if not idle or under_way >= MOST_AT_ONCE:
            return None
        album = self._hand.chance.choice(idle)
        while len(album.contents) >= MOST_FILES:
            self._hand.unlink(album, self._hand.chance.choice(sorted(album.contents)))
        album.upload = self._hand.chance.choice(self._kinds)(album)
        return album

    def look_after(self, album: Album) -> str | None:
        """Take notice of the end of an upload; return how it has ended."""
        if not (album.upload and (ended := album.upload.ended)):
            return None
        upload, album.upload = album.upload, None
        self._counts[f"{upload.program} {ended.how}"] += 1
        if ended.left is not None:
            album.contents[upload.name] = ended.left
        return f"{upload.program} {ended.how}"

    def have_ended(self, albums: Sequence[Album]) -> bool:
        """Let uploads come to their end; return whether all have."""
        for album in albums:
            if album.upload:
                album.upload.hurry()
            self.look_after(album)
        return not any(album.upload for album in albums)

    def kill(self, albums: Sequence[Album]) -> None:
        for album in albums:
            if album.upload:
                album.upload.kill()
