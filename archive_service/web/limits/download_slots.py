"""Limits the downloads at once: of all processes together, and of one client.

Each process records its own downloads in its region and counts those of all.
"""

from __future__ import annotations

from collections import Counter
from math import ceil
from struct import Struct

from archive_service.archive.errors import ClientBusy, ServiceBusy
from archive_service.web.limits.shared_memory import SharedRecords

CONNECTIONS_PER_DOWNLOAD = 16
"""The most that download managers open; one more counts as another download."""
MOST_RECORDS = 100_000
"""The most downloads that one process records; descriptors mostly run out earlier."""
CLIENT_BYTES = DOWNLOAD_BYTES = 16
"""Length of the keys of a client and of a download."""
_SCARCE_FROM = 9, 10
"""Slots are scarce while more than this part of them is taken."""
_SCARCE_PER_CLIENT = 10
"""A known client gets at most one slot in ten while slots are scarce."""
_HEAD = Struct("II")  # downloads under way; records below which all of them are
_RECORD = Struct(f"{CLIENT_BYTES}s{DOWNLOAD_BYTES}s")


def slot_records(
    processes: int, *, most: int, counts_clients: bool, most_records: int = MOST_RECORDS
) -> SharedRecords:
    """Allocate the shared memory for the limits of `Slots`."""
    records = min(most or most_records, most_records) if counts_clients else 0
    return SharedRecords(processes, head=_HEAD, record=_RECORD, records=records)


class _Slot:
    """The slot of one download, which it leaves at the end of a block."""

    __slots__ = ("_index", "_slots")

    def __init__(self, slots: Slots, index: int | None) -> None:
        self._slots = slots
        self._index = index

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_raised: object) -> None:
        self._slots.leave(self._index)


class Slots:
    """The downloads under way; one process reads all and adds its own.  A limit of 0 is none."""

    def __init__(
        self, shared: SharedRecords, number: int, *, most: int, most_per_client: int
    ) -> None:
        self._shared = shared
        self._number = number
        self._most = most
        self._most_per_client = most_per_client
        self._own = 0
        self._recorded_below = 0
        self._free: list[int] = []

    def taken(self, client: bytes = b"", download: bytes = b"", *, is_known: bool = False) -> _Slot:
        """Take a slot, and hold it during a block; raise ServiceBusy or ClientBusy.

        `download` is the same for all connections of a client that may belong to one download.
        Without a limit for each client, neither argument matters.  A client that `is_known` gets
        only its part of the slots while they are scarce.
        """
        index = self._enter(client, download)
        try:
            self._check(client, is_known=is_known)
        except BaseException:
            self.leave(index)
            raise
        return _Slot(self, index)

    def under_way(self) -> int:
        """Return the number of downloads of all processes."""
        return sum(self._shared.head(number)[0] for number in self._shared.numbers)

    def own_share(self) -> float:
        """Return this process's share of all downloads, 0 to 1."""
        return self._own / max(self.under_way(), 1)

    def are_half_taken(self) -> bool:
        """Return whether half of the slots are taken, in all processes."""
        return bool(self._most) and 2 * self.under_way() > self._most

    def own_excess(self) -> int:
        """Return how many downloads of this process to end, until slots are no longer scarce."""
        return ceil(self._excess() * self.own_share())

    def _excess(self) -> int:
        part, whole = _SCARCE_FROM
        return max(self.under_way() - self._most * part // whole, 0) if self._most else 0

    def _enter(self, client: bytes, download: bytes) -> int | None:
        """Count a download and record it if there is room; return the record's index."""
        if not self._free and self._recorded_below < self._shared.records:
            self._free.append(self._recorded_below)
            self._recorded_below += 1
        index = self._free.pop() if self._free else None
        if index is not None:
            self._shared.set_record(self._number, index, client, download)
        self._count(1)
        return index

    def leave(self, index: int | None) -> None:
        """Count a download no longer; `index` is that of its record."""
        if index is not None:
            self._shared.set_record(self._number, index, b"", b"")
            self._free.append(index)
        self._count(-1)

    def _count(self, by: int) -> None:
        self._own += by
        self._shared.set_head(self._number, self._own, self._recorded_below)

    def _check(self, client: bytes, *, is_known: bool) -> None:
        if self._most and self.under_way() > self._most:
            raise ServiceBusy
        most = self._most_per_client
        if most and self._downloads_of(client) > most:
            raise ClientBusy
        is_scarce = not most and is_known and self._excess()
        # Each connection has a slot: one album would be worth sixteen of them otherwise.
        if is_scarce and self._slots_of(client) > max(self._most // _SCARCE_PER_CLIENT, 1):
            raise ClientBusy

    def _downloads_of(self, client: bytes) -> int:
        counts = self._connections_of(client).values()
        return sum(-(-count // CONNECTIONS_PER_DOWNLOAD) for count in counts)

    def _slots_of(self, client: bytes) -> int:
        return self._connections_of(client).total()

    def _connections_of(self, client: bytes) -> Counter[tuple[bytes, ...]]:
        """Count the connections of a client, by download."""
        return Counter(
            self._shared.record(number, index)
            for number in self._shared.numbers
            for index in self._shared.find(client, number, range(self._shared.head(number)[1]))
        )
