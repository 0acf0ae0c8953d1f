"""What a store must offer that machines share: the parts of albums, see `parts`.

A store only moves parts; `SharedCrcIndex` bounds its time and does without where it fails.
Every method raises StoreFailed, and is called from one thread at a time but for `cut`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from archive_service.checksums.crc_index.row_blocks import RowBlock

Change = Callable[[Sequence[RowBlock]], "list[RowBlock] | None"]
"""Makes other parts of those of an album; None where they are to stay as they are."""


class StoreFailed(Exception):
    """A store can't do what it was asked.

    `reason` is a short fixed phrase, without the store's address and what it said: either may hold
    a password.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WriteRefused(StoreFailed):
    """The store answers, but takes nothing new."""


class Contended(WriteRefused):
    """Others have changed an album each time that it was to be changed."""

    def __init__(self) -> None:
        super().__init__("contended")


@dataclass(frozen=True)
class Condition:
    """How a store is: `text` is for an operator, `advice` says what to do better."""

    text: str
    advice: Sequence[str] = ()


class Store(Protocol):
    """Parts of albums, each album named by its digest."""

    def load(self, album: bytes) -> Sequence[RowBlock]:
        """Return the parts of an album, the one added first in front; that is a use of it."""

    def add(self, album: bytes, part: RowBlock) -> int:
        """Add a part; return how many the album has."""

    def rewrite(self, album: bytes, change: Change) -> None:
        """Change the parts of an album, losing none that others add meanwhile."""

    def prune(self, kept: AbstractSet[bytes]) -> None:
        """Drop all albums but these."""

    def tidy(self) -> None:
        """Drop what has not been used for long, and what there is no room for."""

    def condition(self) -> Condition:
        """Look how the store is; nothing is changed by it."""

    def cut(self) -> None:
        """Have a call that waits in another thread fail, where that is possible."""

    def close(self) -> None:
        """Let go of the connection; the next call makes another."""
