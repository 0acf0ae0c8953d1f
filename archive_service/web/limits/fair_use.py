"""Fair use: how much of the service a visitor gets while others want it too.

- A download takes a slot; probes of at most PROBE_BYTES and answers without a body take none.
- The pieces of a download wait for its share of the rates.
- While slots are scarce, the slowest downloads are cut, and a known client gets a part of them.
- A client that keeps continuing an archive which has changed waits longer and longer.
- A client that asks for missing archives waits longer and longer, and then is blocked before any
  lookup.  Only identified clients are blocked.  Behind an unidentified proxy we only delay 404s, so
  that one guesser cannot lock out everyone.
- The site's own requests are neither delayed nor refused for missing archives.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import blake2b

from aiohttp import web

from archive_service.archive.errors import ClientRefused
from archive_service.archive.id import ArchiveId
from archive_service.http.client_address import Client, TrustedProxies
from archive_service.http.site_addresses import NO_SITE, SiteAddresses
from archive_service.observe.events import AnswerSlowed, Observe
from archive_service.transfer.rate_limit import RateShare, SharedRate
from archive_service.transfer.response_transfer import Transfer
from archive_service.transfer.sending_pace import AdaptivePace, DelayedPace, LimitedPace, Pace
from archive_service.web.limits.download_slots import CLIENT_BYTES, DOWNLOAD_BYTES
from archive_service.web.limits.policy import PROBE_BYTES, Counts, Limits, SharedCounts
from archive_service.web.limits.request_client import client_of
from archive_service.web.limits.resumption_guard import ResumptionGuard
from archive_service.web.limits.slow_downloads import SlowDownloads

MOST_HELD = 256
"""The most answers that are delayed at once in one process.

Each holds a connection, so without a bound the delay itself would be a denial-of-service vector."""
_NOT_RESUMED = b"not resumed"


class FairUse:
    """Keeps the limits in one process."""

    def __init__(
        self,
        limits: Limits,
        proxies: TrustedProxies,
        observe: Observe,
        *,
        counts: Counts,
        site: SiteAddresses = NO_SITE,
    ) -> None:
        self._limits = limits
        self._proxies = proxies
        self._site = site
        self._observe = observe
        self.resumptions = ResumptionGuard(proxies, counts.begun)
        self._slots = counts.slots
        self._slow = SlowDownloads(
            counts.slots,
            least_bytes_per_s=limits.least_bytes_per_s if limits.downloads else 0,
            window_s=limits.slow_window_s,
        )
        self._failed_lookups = counts.failed_lookups if limits.misses_per_minute else None
        self._held = 0
        self._rate = SharedRate(lambda: limits.bytes_per_s * self._slots.own_share())
        self._rates: dict[object, SharedRate] = {}

    @classmethod
    def unlimited(cls, observe: Observe) -> FairUse:
        """Return fair use without limits."""
        limits = Limits()
        return cls(limits, TrustedProxies(None), observe, counts=SharedCounts(limits).of(0))

    def admit(self, request: web.Request) -> None:
        """Admit a request; raise ClientRefused."""
        if self._failed_lookups is None:
            return
        client = self._client(request)
        if not client.is_known:
            return
        refused_s = self._failed_lookups.refused_for_s(client.key, time.monotonic())
        if refused_s and not self.is_site(request):
            raise ClientRefused(math.ceil(refused_s))

    def is_site(self, request: web.Request) -> bool:
        """Return whether a request is the site's own; its failed lookups are no guesses."""
        return self._site.includes(request.remote or "", request.headers)

    async def note_failed_lookups(self, request: web.Request, count: int = 1) -> None:
        """Count lookups of missing archives; wait as long as their answer is delayed."""
        if self._failed_lookups is None or self.is_site(request):
            return
        client, lookups = self._client(request), self._failed_lookups
        add = lookups.add_or_refuse if client.is_known else lookups.add
        await self._hold([add(client.key, time.monotonic()) for _ in range(count)][-1])

    async def not_resumed(self, request: web.Request) -> None:
        """Count a resumption that is refused, and delay its answer.

        Some programs repeat a refused request dozens of times a second.  That is no guessing, so it
        is counted separately and never blocks the client.
        """
        if self._failed_lookups is None:
            return
        key = blake2b(_NOT_RESUMED + self._client(request).key, digest_size=CLIENT_BYTES).digest()
        await self._hold(self._failed_lookups.add(key, time.monotonic()))

    async def _hold(self, delay_s: float) -> None:
        if not delay_s or self._held >= MOST_HELD:
            return
        self._observe(AnswerSlowed())
        self._held += 1
        try:
            await asyncio.sleep(delay_s)
        finally:
            self._held -= 1

    @contextmanager
    def download(
        self,
        request: web.Request,
        archive: ArchiveId,
        *,
        transfer: Transfer,
        content_length: int,
        pace: AdaptivePace | DelayedPace,
    ) -> Iterator[Pace]:
        """Hold a slot for a transfer during a block; yield the pace to send at.

        Raise ServiceBusy or ClientBusy.
        """
        if content_length <= PROBE_BYTES:
            yield pace
            return
        if not self._limits.distinguishes_clients:
            with self._slots.taken(), self._slow.watched(transfer):
                yield pace
            return
        client = self._client(request)
        name = blake2b(client.key + archive.value.encode(), digest_size=DOWNLOAD_BYTES).digest()
        with ExitStack() as stack:
            stack.enter_context(self._slots.taken(client.key, name, is_known=client.is_known))
            stack.enter_context(self._slow.watched(transfer))
            # A client that may be many visitors gets a share for each connection.
            shares = self._shares(name if client.is_known else object(), stack)
            yield LimitedPace(pace, shares) if shares else pace

    def _shares(self, sharer: object, stack: ExitStack) -> list[RateShare]:
        shares = []
        if self._limits.bytes_per_s_per_download:
            shares.append(stack.enter_context(self._share_of_download(sharer)))
        if self._limits.bytes_per_s:
            shares.append(stack.enter_context(self._rate.shared(sharer)))
        return shares

    @contextmanager
    def _share_of_download(self, name: object) -> Iterator[RateShare]:
        limit = self._limits.bytes_per_s_per_download
        rate = self._rates.setdefault(name, SharedRate(lambda: limit))
        try:
            with rate.shared(object()) as share:
                yield share
        finally:
            if rate.is_unused():
                del self._rates[name]

    def _client(self, request: web.Request) -> Client:
        return client_of(request, self._proxies)
