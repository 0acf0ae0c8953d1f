"""A CRC index in a store that several machines share.

The store may be down, slow, full, wiped or of another release at any time.  Still no download fails
or waits long: each answer has a deadline, and after a failure the store is not asked for a growing
while.  Until it is back, new rows are kept in memory; then they are written.  The beginning and the
end of an outage are reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Thread
from typing import TypeVar

from archive_service.archive.backoff import backoff_s
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.checksums.crc_index.base import CrcIndex, Rows, album_digest
from archive_service.checksums.crc_index.block_store import (
    Contended,
    Store,
    StoreFailed,
    WriteRefused,
)
from archive_service.checksums.crc_index.deadline_call import DeadlineCall
from archive_service.checksums.crc_index.memory import MemoryCrcIndex
from archive_service.checksums.crc_index.row_blocks import (
    MAX_BLOCKS,
    block_of,
    merged,
    rows_by_path,
    without_paths,
)
from archive_service.observe.events import Observe
from archive_service.observe.index_events import IndexImpaired, IndexRestored

ANSWER_TIMEOUT_S = 1.0
"""The deadline of an answer, connecting included: hashing again is cheaper than a long wait."""
ALL_ALBUMS_TIMEOUT_S = 600.0
"""The deadline of what goes through all albums."""
ROWS_AT_ONCE = 50_000
"""About 3 MB: on a slow network more would exceed the deadline of an answer."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""Between two attempts after failures."""
REPORT_EVERY_S, REMIND_EVERY_S = 60.0, 1800.0
"""Between two reports of outages, and of one that lasts."""
_Result = TypeVar("_Result")
Versions = Callable[[Listing, Sequence[SourceIndex]], bytes]


class SharedCrcIndex(CrcIndex):
    """CRC-32 values in a store; see `CrcIndex`.

    An outage is an IndexImpaired with a short fixed text, and its end an IndexRestored.
    Use it from one thread at a time.
    """

    def __init__(
        self,
        make_store: Callable[[], Store],
        observe: Observe,
        *,
        versions: Versions = Listing.versions,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        all_albums_timeout_s: float = ALL_ALBUMS_TIMEOUT_S,
    ) -> None:
        self._make_store = make_store
        self._observe = observe
        self._versions = versions
        self._answer_timeout_s = answer_timeout_s
        self._all_albums_timeout_s = all_albums_timeout_s
        self._call = DeadlineCall(make_store())
        self._store_circuit, self._write_circuit = Circuit(), Circuit()
        self._memory = MemoryCrcIndex()
        self._outage = Outage()

    def versions(self, listing: Listing, sources: Sequence[SourceIndex]) -> bytes:
        """Return versions that are equal on all machines."""
        return self._versions(listing, sources)

    def load(self, archive: ArchiveId) -> Mapping[bytes, tuple[bytes, int]]:
        """Return version and CRC-32 by path."""
        album = album_digest(archive.value)
        kept = self._memory.load(archive)
        blocks = self._ask(lambda store: store.load(album), self._store_circuit)
        if blocks is not None:
            self._write_back()
        return {**rows_by_path(blocks or ()), **kept}

    def store(self, archive: ArchiveId, rows: Rows) -> None:
        """Store rows."""
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows.between(start, start + ROWS_AT_ONCE)
            if self._add(archive, some):
                self._memory.forget(archive, some.paths)
            else:
                self._memory.store(archive, some)
        self._write_back()

    def forget(self, archive: ArchiveId, paths: Iterable[bytes]) -> None:
        """Drop rows."""
        gone = set(paths)
        self._memory.forget(archive, gone)
        if gone:
            album = album_digest(archive.value)
            self._write(
                lambda store: store.rewrite(album, lambda blocks: without_paths(blocks, gone))
            )

    def prune(self, albums: Iterable[str]) -> None:
        """Drop the rows of all albums but these."""
        kept = list(albums)
        self._memory.prune(kept)
        digests = set(map(album_digest, kept))
        self._write(lambda store: store.prune(digests), within_s=self._all_albums_timeout_s)

    def tidy(self, albums: Iterable[str]) -> None:
        """Have the store drop unused albums, in a thread of its own.

        The albums of the store that this machine lacks may be another machine's.
        """
        self._memory.prune(albums)
        Thread(target=self._tidy, name="index tidy", daemon=True).start()

    def has_albums(self) -> bool:
        """Return False: albums in the store may be another machine's."""
        return False

    def close(self) -> None:
        """Write the rows in memory, if the store takes them, and close it."""
        self._write_back()
        with suppress(StoreFailed):
            self._call.close(within_s=self._answer_timeout_s)

    def _tidy(self) -> None:
        call = DeadlineCall(self._make_store())  # with a connection of its own
        with suppress(StoreFailed):  # the next request reports it
            call.ask(lambda store: store.tidy(), within_s=self._all_albums_timeout_s)
        with suppress(StoreFailed):
            call.close(within_s=self._answer_timeout_s)

    def _add(self, archive: ArchiveId, rows: Rows) -> bool:
        """Write rows to the store; return whether it has taken them."""
        album, block = album_digest(archive.value), block_of(rows)

        def add(store: Store) -> bool:
            if store.add(album, block) > MAX_BLOCKS:
                with suppress(Contended):  # another process merges them
                    store.rewrite(album, merged)
            return True

        return self._write(add) is not None

    def _write_back(self) -> None:
        """Write rows kept in memory, for no longer than the deadline of one answer."""
        stop_s = time.monotonic() + self._answer_timeout_s
        while (kept := self._memory.oldest(ROWS_AT_ONCE)) and time.monotonic() < stop_s:
            archive, rows = kept
            if not self._add(archive, rows):
                return
            self._memory.forget(archive, rows.paths)
        is_well = not (kept or self._store_circuit.is_broken or self._write_circuit.is_broken)
        if is_well and self._outage.ends():
            self._observe(IndexRestored())

    def _write(
        self, change: Callable[[Store], _Result], *, within_s: float | None = None
    ) -> _Result | None:
        return self._ask(change, self._store_circuit, self._write_circuit, within_s=within_s)

    def _ask(
        self,
        question: Callable[[Store], _Result],
        *circuits: Circuit,
        within_s: float | None = None,
    ) -> _Result | None:
        """Return the store's answer; None if it fails or a circuit is open."""
        if any(circuit.is_open(time.monotonic()) for circuit in circuits):
            return None
        try:
            answer = self._call.ask(question, within_s=within_s or self._answer_timeout_s)
        except WriteRefused as error:
            self._fail(self._write_circuit, error.reason)
        except StoreFailed as error:
            self._fail(self._store_circuit, error.reason)
        except Exception as error:  # noqa: BLE001 - an error of a library must not fail a download
            self._fail(self._store_circuit, type(error).__name__)
        else:
            for circuit in circuits:
                circuit.succeeded()
            return answer
        return None

    def _fail(self, circuit: Circuit, reason: str) -> None:
        now_s = time.monotonic()
        circuit.failed(now_s)
        if self._outage.is_report_due(now_s):
            text = f"the shared CRC index: {reason}; CRCs are kept in memory"
            self._observe(IndexImpaired(text))


class Circuit:
    """A circuit breaker: while it is open the store is not asked.

    Times are of a monotonic clock, seconds.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._open_until_s = 0.0

    @property
    def is_broken(self) -> bool:
        """Whether the last attempt has failed."""
        return self._failures > 0

    def is_open(self, now_s: float) -> bool:
        """Return whether the pause after a failure still lasts."""
        return self.is_broken and now_s < self._open_until_s

    def failed(self, now_s: float) -> None:
        """Open the circuit, for twice as long as after the failure before."""
        self._failures += 1
        pause_s = backoff_s(self._failures, first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)
        self._open_until_s = now_s + pause_s

    def succeeded(self) -> None:
        """Close the circuit."""
        self._failures = 0


class Outage:
    """Decides which failures of a store are reported.

    The beginning of an outage is reported, at most once a minute, and its end.  While it lasts it
    is reported every half hour, so that an alert over the last hour persists.
    Times are of a monotonic clock, seconds.
    """

    def __init__(self) -> None:
        self._is_reported = False
        self._reported_s: float | None = None

    def is_report_due(self, now_s: float) -> bool:
        """Record a failure; return whether to report it."""
        pause_s = REMIND_EVERY_S if self._is_reported else REPORT_EVERY_S
        if self._reported_s is not None and now_s - self._reported_s < pause_s:
            return False
        self._is_reported, self._reported_s = True, now_s
        return True

    def ends(self) -> bool:
        """Record that the store works; return whether to report the end of an outage."""
        was_reported, self._is_reported = self._is_reported, False
        return was_reported
