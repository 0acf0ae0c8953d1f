"""An upload by a program that holds its file open; this process is the program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from campaign.album import Album, Ended, Upload
from campaign.hand import Hand
from campaign.uploads import BeginUpload

_PIECES = 4
_SIZES = (5_000, 300_000, 2_000_000)
_CLOSES_EARLY = 0.1


class OpenFile:
    """A new file that is written piece by piece, in order or not."""

    program = "an open file"

    def __init__(self, hand: Hand, album: Album) -> None:
        self.name = f"{hand.chance.randrange(10**9)}.upload.jpg"
        self.data = hand.data(hand.chance.choice(_SIZES))
        self.ended: Ended | None = None
        self._path = album.path / self.name
        self._file = self._path.open("wb")
        self._pieces_to_come = list(range(_PIECES))
        if hand.chance.random() < 0.5:  # as aria2 does
            self._file.truncate(len(self.data))
            hand.chance.shuffle(self._pieces_to_come)
        self.advance(hand.chance)

    def may_be_missing(self) -> bool:
        return False

    def may_be_whole(self) -> bool:
        return False

    def advance(self, chance: Random) -> None:
        """Write the next piece; close the file behind the last, or sometimes before it."""
        if self._pieces_to_come and chance.random() > _CLOSES_EARLY:
            self._write_piece()
        else:
            self._close("closed")

    def hurry(self) -> None:
        while self._pieces_to_come:
            self._write_piece()
        self._close("closed")

    def kill(self) -> None:
        self._close("killed")

    def _write_piece(self) -> None:
        size = -(-len(self.data) // _PIECES)
        start = self._pieces_to_come.pop(0) * size
        self._file.seek(start)
        self._file.write(self.data[start : start + size])
        self._file.flush()

    def _close(self, how: str) -> None:
        self._file.close()
        self.ended = Ended(how, self._path.read_bytes())


@contextmanager
def open_files(hand: Hand) -> Iterator[BeginUpload]:
    """Give uploads of this kind."""

    def begin(album: Album) -> Upload:
        return OpenFile(hand, album)

    yield begin
