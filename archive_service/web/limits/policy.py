"""The limits of fair use, and the counts that the processes share."""

from __future__ import annotations

from dataclasses import dataclass

from archive_service.web.limits.begun_downloads import BegunDownloads, begun_download_records
from archive_service.web.limits.download_slots import Slots, slot_records
from archive_service.web.limits.failed_lookups import FailedLookups, failed_lookup_records
from archive_service.web.limits.slow_downloads import WINDOW_S

PROBE_BYTES = 1024
"""The largest answer that takes no slot, for probes of link previews and download managers."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits for all clients together and for each; 0 is no limit."""

    downloads: int = 0
    downloads_per_client: int = 0
    bytes_per_s: int = 0
    bytes_per_s_per_download: int = 0
    least_bytes_per_s: int = 0
    """Slower downloads may be cut while slots are scarce."""
    slow_window_s: float = WINDOW_S
    """The time over which that rate is averaged."""
    clients_are_known: bool = False
    """Whether clients can, as a rule, be distinguished from proxies."""
    misses_per_minute: int = 0
    refused_s: float = 0.0
    """How long a client is refused after too many failed lookups."""

    @property
    def distinguishes_clients(self) -> bool:
        """Whether a limit depends on the client of a download."""
        return bool(self.records_clients or self.bytes_per_s or self.bytes_per_s_per_download)

    @property
    def records_clients(self) -> bool:
        """Whether downloads are counted for each client."""
        return bool(self.downloads_per_client or (self.downloads and self.clients_are_known))


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts as one process reads and writes them."""

    slots: Slots
    failed_lookups: FailedLookups
    begun: BegunDownloads


class SharedCounts:
    """The counts for the limits, in memory that processes forked later share."""

    def __init__(self, limits: Limits, processes: int = 1) -> None:
        self._limits = limits
        self._slots = slot_records(
            processes, most=limits.downloads, counts_clients=limits.records_clients
        )
        self._failed_lookups = failed_lookup_records(processes)
        self._begun = begun_download_records(processes)

    def of(self, number: int) -> Counts:
        """Return the counts for the process of a number, from 0."""
        limits = self._limits
        slots = Slots(
            self._slots,
            number,
            most=limits.downloads,
            most_per_client=limits.downloads_per_client,
        )
        failed_lookups = FailedLookups(
            self._failed_lookups, number, limit=limits.misses_per_minute, refused_s=limits.refused_s
        )
        return Counts(slots, failed_lookups, BegunDownloads(self._begun, number))

    def forget(self, number: int) -> None:
        """Free the slots of a process that has ended."""
        self._slots.clear(number)
