"""What goes on around the visitors of a soak: changes, uploads, lists, remounts, a spoilt index."""

from __future__ import annotations

import time
from collections.abc import Sequence

from campaign.album import Album
from campaign.changes import appear, swap
from campaign.hand import Change, Hand
from campaign.mounts import View
from campaign.ordered_files import OrderedFiles
from campaign.stage import Stage
from campaign.uploads import Uploads
from campaign.visitors import Visitors

from archive_service.archive.listing import CLOCK_TICK_NS

_REMOVES_LIST = 0.2


class Surroundings:
    """Befall the albums, one thing after the other; each download takes note of each."""

    def __init__(
        self,
        stage: Stage,
        visitors: Visitors,
        hand: Hand,
        *,
        uploads: Uploads,
        view: View,
        of_files: Sequence[Change],
        of_albums: Sequence[Change],
    ) -> None:
        self._stage = stage
        self._visitors = visitors
        self._hand = hand
        self._uploads = uploads
        self._view = view
        self._of_files = of_files
        self._of_albums = of_albums

    def make_all(self) -> None:
        """Make albums and lists."""
        for album in self._stage.albums:
            self._make(appear, album)
        for each in self._lists():
            each.write(self._stage.chance)

    def _lists(self) -> Sequence[OrderedFiles]:
        return [each for each in self._stage.targets if isinstance(each, OrderedFiles)]

    def change_files(self) -> None:
        """Change an album, preferably one that is being downloaded."""
        album = self._stage.chance.choice([*self._stage.albums, *self._downloaded()])
        self._make(self._stage.chance.choice(self._of_files) if album.is_there else appear, album)

    def _downloaded(self) -> Sequence[Album]:
        return [flight.beginning.target.albums()[0] for flight in self._visitors.flights]

    def change_album(self) -> None:
        """Change an album as a whole; programs that upload would lose what they have open."""
        idle = [album for album in self._stage.albums if album.is_there and not album.upload]
        if idle:
            self._make(self._stage.chance.choice(self._of_albums), self._stage.chance.choice(idle))

    def _make(self, change: Change, album: Album) -> None:
        change(self._hand, album)
        self._stage.counts["changes"] += 1
        self._take_note([album], change.__name__)
        # Two changes within one step of the file system's clock look the same.
        time.sleep(CLOCK_TICK_NS / 1e9 + 0.001)

    def swap_albums(self) -> None:
        """Let two albums exchange their names."""
        idle = [album for album in self._stage.albums if album.is_there and not album.upload]
        if len(idle) > 1:
            one, other = self._stage.chance.sample(idle, 2)
            swap(self._hand, one, other)
            self._stage.counts["albums swapped"] += 1
            self._take_note([one, other], "swap")

    def begin_upload(self) -> None:
        if album := self._uploads.begin(self._stage.albums, self._downloaded()):
            self._stage.counts["uploads"] += 1
            beside = sum(album in f.beginning.target.albums() for f in self._visitors.flights)
            self._stage.counts["downloads that go on beside a new upload"] += beside
            program = album.upload.program if album.upload else "nothing"
            self._take_note([album], f"{program} begins to upload")

    def go_on_with_upload(self) -> None:
        if under_way := [album for album in self._stage.albums if album.upload]:
            album = self._stage.chance.choice(under_way)
            assert album.upload
            album.upload.advance(self._stage.chance)
            self.look_after_uploads()

    def look_after_uploads(self) -> None:
        for album in self._stage.albums:
            if how := self._uploads.look_after(album):
                self._take_note([album], how)

    def change_list(self) -> None:
        """Write a list, write it anew, or remove it."""
        changed = self._stage.chance.choice(self._lists())
        if changed.is_written and self._stage.chance.random() < _REMOVES_LIST:
            changed.remove()
        else:
            changed.write(self._stage.chance)
        self._stage.counts["lists changed"] += 1
        self._take_note(changed.albums(), f"list {changed.name[:4]} is another")

    def remount(self) -> None:
        if self._view.renew():
            self._stage.counts["remounts"] += 1
            self._take_note(self._stage.albums, "remounted")

    def spoil_index(self) -> None:
        """Flip a byte of the index."""
        paths = sorted(self._stage.cache_dir.glob("*.sqlite3*"))
        if not paths:
            return
        path = self._stage.chance.choice(paths)
        with path.open("r+b") as file:
            file.seek(self._stage.chance.randrange(path.stat().st_size + 1))
            file.write(self._stage.chance.randbytes(1))
        self._stage.counts["index spoilt"] += 1
        for album in self._stage.albums:
            album.note_forgotten()
        self._take_note(self._stage.albums, f"a byte of {path.name} is flipped")

    def _take_note(self, albums: Sequence[Album], text: str) -> None:
        for album in albums:
            self._stage.journal.note_change(album.path, text)
        self._visitors.look()
