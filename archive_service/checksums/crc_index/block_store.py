"""The interface of a store that machines share: the blocks of albums, see `row_blocks`.

To add one, write a module here with a function `store(address)`, and add its kind to
`index_url.KINDS`, which names it and its addresses.

A store only moves blocks; `SharedCrcIndex` sets deadlines and continues without it when it fails.
Every method may raise StoreFailed.  One thread at a time calls them; any thread may call `cut`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from archive_service.checksums.crc_index.row_blocks import RowBlock

Change = Callable[[Sequence[RowBlock]], "list[RowBlock] | None"]
"""Returns the new blocks of an album for its old ones; None to keep the old ones."""


class StoreFailed(Exception):
    """A store has failed.

    `reason` is a short fixed phrase.  It never holds the store's address or message, either of
    which may hold a password.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WriteRefused(StoreFailed):
    """The store answers, but refuses to write."""


class Contended(WriteRefused):
    """Other clients changed the album during each attempt to change it."""

    def __init__(self) -> None:
        super().__init__("contended")


@dataclass(frozen=True)
class Condition:
    """The state of a store: a text for the operator, and advice for improving it."""

    text: str
    advice: Sequence[str] = ()


class Store(Protocol):
    """Blocks of rows by album; the digest of an album is its key."""

    def load(self, album: bytes) -> Sequence[RowBlock]:
        """Return the blocks of an album, oldest first; this counts as a use of the album."""

    def add(self, album: bytes, block: RowBlock) -> int:
        """Add a block; return how many the album has now."""

    def rewrite(self, album: bytes, change: Change) -> None:
        """Change the blocks of an album; keep those that others add meanwhile."""

    def prune(self, kept: AbstractSet[bytes]) -> None:
        """Drop all albums but these."""

    def tidy(self) -> None:
        """Drop rows not used for a long time, and rows beyond the size limit."""

    def condition(self) -> Condition:
        """Return the state of the store, without changing anything."""

    def cut(self) -> None:
        """Make a call in another thread fail, if possible."""

    def close(self) -> None:
        """Close the connection; the next call opens another."""
