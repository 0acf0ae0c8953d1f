"""The parts of the service put together as the settings say."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, tzinfo
from functools import partial
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from archive_service.archive.entity_tag import FORMAT_VERSION
from archive_service.archive.naming import NameRules
from archive_service.archive.representation import ArchiveOptions
from archive_service.archive.settling import SettlePolicy
from archive_service.archive.signed_link import SigningPolicy
from archive_service.archive.zip.dos_time import FIRST_YEAR, LAST_YEAR
from archive_service.checksums.crc_index.index_url import IndexAddress
from archive_service.config.album_storage import place_bytes, upload_look
from archive_service.config.background_work import BackgroundWork
from archive_service.config.config_epoch import config_epoch_s
from archive_service.config.crc_index_choice import IndexSize, cache_path, index_address, index_for
from archive_service.config.groups.album_settings import SHIPPED_PHOTOS
from archive_service.config.listed_archives import served_storage
from archive_service.config.settings import Settings
from archive_service.config.tracing import tracing
from archive_service.config.values import zone_of
from archive_service.http.client_address import TrustedProxies
from archive_service.http.site_addresses import SiteAddresses
from archive_service.observe.events import Observe
from archive_service.observe.fan_out import to_each
from archive_service.storage.local.unclosed_files import UnclosedFiles
from archive_service.transfer.service import ArchiveService, WaitPolicy
from archive_service.web.app import create_app
from archive_service.web.http_server.client_connection import (
    TIMES_OF_PASSING_NETWORK,
    USUAL_TIMES,
)
from archive_service.web.http_server.runner import Runner
from archive_service.web.limits.fair_use import FairUse
from archive_service.web.limits.policy import Counts, Limits
from archive_service.web.limits.slow_downloads import WINDOW_S
from archive_service.web.monitoring import Monitoring
from archive_service.web.options import WebOptions

if TYPE_CHECKING:
    from archive_service.observe.prometheus import PrometheusSink

_LONGER_THAN_ANY_S = 1e6
"""The time-out of aiohttp's own shutdown, which waits for it twice; 0 would mean for ever."""
_SHIPPED_ALBUMS = ("3bea29ccabbbf64bdebcc055319c5745", "af1ad8c76fda2e48ea9aed2937e972ea")
"""Named here, not listed: the directory may hold albums of the operator, too."""
_DAYS = range(date(FIRST_YEAR, 1, 1).toordinal(), date(LAST_YEAR, 12, 31).toordinal())
"""The days that DOS times can say."""
Site = Callable[[Runner], web.BaseSite]


class Sites(NamedTuple):
    """Where connections come from: for archives, and for monitoring where that is apart.

    `on_change` is called with 1 and -1 as connections for archives begin and end.
    `end_with_process` says that the kernel delivers nothing after the process has ended.
    """

    archives: Sequence[Site]
    monitoring: Sequence[Site]
    on_change: Callable[[int], None] | None = None
    end_with_process: bool = False


@asynccontextmanager
async def accepting(
    settings: Settings,
    options: ArchiveOptions,
    sites: Sites,
    *,
    log: Observe,
    counts: Counts,
) -> AsyncIterator[tuple[Runner, BackgroundWork]]:
    """Put the parts together and accept connections; clean the runner up before the block ends."""
    # Not before the fork: the library decides where it counts when it is imported.
    prometheus = importlib.import_module("archive_service.observe.prometheus")
    metrics: PrometheusSink = prometheus.PrometheusSink(
        _index_size(index_address(settings)), downloads_limit=settings.max_downloads
    )
    traces = tracing(settings, to_each(log))
    observe = to_each(log, metrics, *traces.observers)
    index, storage = index_for(settings, observe), served_storage(settings, observe)
    written = UnclosedFiles()
    waits = _wait_policy(settings, written, observe)
    service = ArchiveService(storage, index, options, waits, observe)
    monitoring = Monitoring(service, metrics.text, prometheus.CONTENT_TYPE)
    fair_use = _fair_use(settings, observe, counts)
    app = create_app(service, observe, _web_options(settings), fair_use, around=traces.around)
    app.on_shutdown.append(monitoring.drain)
    monitor = web.Application() if sites.monitoring else app
    monitoring.add_to(monitor)
    served = partial(Runner, shutdown_timeout_s=_LONGER_THAN_ANY_S, newcomers=service.newcomers)
    times = TIMES_OF_PASSING_NETWORK if sites.end_with_process else USUAL_TIMES
    runner, apart = served(app, count=sites.on_change, times=times), served(monitor)
    try:
        await _start(runner, sites.archives)
        await _start(apart, sites.monitoring)
        yield runner, BackgroundWork(service, observe, settings, written)
    finally:
        if sites.monitoring:  # last: until then /readyz answers 503
            await apart.cleanup()
        await asyncio.to_thread(service.close)
        traces.close()


def _wait_policy(settings: Settings, written: UnclosedFiles, observe: Observe) -> WaitPolicy:
    settling = SettlePolicy(settings.settle_time, settings.settle_wait)
    look = upload_look(settings, written, observe)
    # Otherwise a client that only compares entity tags would never notice a rewritten file.
    reads_behind = settings.index_ahead == "off"
    return WaitPolicy(settling, settings.listing_timeout, look, reads_behind=reads_behind)


def _fair_use(settings: Settings, observe: Observe, counts: Counts) -> FairUse:
    proxies = TrustedProxies.parse(settings.trusted_proxies)
    site = SiteAddresses.parse(settings.site_addresses, proxies)
    return FairUse(limits(settings), proxies, observe, counts=counts, site=site)


async def _start(runner: Runner, sites: Sequence[Site]) -> None:
    if sites:
        await runner.setup()
    for site in sites:
        await site(runner).start()


def _index_size(index: IndexAddress) -> Callable[[], int | None]:
    if index.kind.is_shared:  # its server has metrics of its own
        return lambda: None
    return IndexSize(index.path)


def archive_options(settings: Settings) -> ArchiveOptions:
    """Return the options that shape an archive, as the settings say."""
    names = NameRules(settings.portable_names, settings.name_encoding)
    zone = zone_of(settings.timezone)
    shape = (
        FORMAT_VERSION,
        settings.exclude,
        names,
        _zone_data(zone),
        settings.change_token,
        settings.symlinks,
    )
    configuration = blake2b(repr(shape).encode(), digest_size=8).hexdigest()
    return ArchiveOptions(
        names,
        zone,
        settings.change_token,
        config_epoch_s(cache_path(settings, "shape", ""), configuration, now_s=int(time.time())),
    )


def _zone_data(zone: tzinfo) -> str:
    """Return a digest of when a zone's time changes: with other data a name has other times."""
    days = map(datetime.fromordinal, _DAYS)
    changes = [(next(group), offset) for offset, group in groupby(days, zone.utcoffset)]
    return blake2b(repr(changes).encode(), digest_size=8).hexdigest()


def limits(settings: Settings) -> Limits:
    """Return the limits that the settings ask for."""
    return Limits(
        downloads=settings.max_downloads,
        downloads_per_client=settings.max_downloads_per_client,
        bytes_per_s=settings.rate_limit,
        bytes_per_s_per_download=settings.rate_limit_per_download,
        least_bytes_per_s=settings.min_download_rate,
        # A proxy buffers, and may take nothing for a while, which STALL_TIMEOUT allows for.
        slow_window_s=max(WINDOW_S, settings.stall_timeout),
        clients_are_known=TrustedProxies.parse(settings.trusted_proxies).networks is not None,
        misses_per_minute=settings.miss_limit,
        refused_s=settings.miss_block,
    )


def _web_options(settings: Settings) -> WebOptions:
    signing = _signing_policy(settings)
    is_shipped = place_bytes(settings.photos_dir) == place_bytes(SHIPPED_PHOTOS)
    return WebOptions(
        download_name=settings.download_name,
        stall_timeout_s=settings.stall_timeout,
        sends_empty_archives=settings.empty_archives == "zip",
        pages_for_browsers=settings.archive_pages == "browsers",
        page_lists_files=settings.page_files,
        part_bytes=settings.part_size,
        delay_s=settings.delay if settings.debug else None,
        # Where links have to be signed, those of the index page would lead to a refusal.
        example_albums=_SHIPPED_ALBUMS if is_shipped and signing is None else (),
        signing=signing,
    )


def _signing_policy(settings: Settings) -> SigningPolicy | None:
    keys = tuple(key.reveal().encode() for key in settings.signing_keys)
    return SigningPolicy(keys, settings.signature_grace) if keys else None
