"""The checks of `archive-service check`, in order; they change nothing."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from archive_service.cli.doctor.album_inspection import (
    album_findings,
    list_findings,
    watching_findings,
)
from archive_service.cli.doctor.findings import Finding, Severity
from archive_service.cli.doctor.index_inspection import index_findings
from archive_service.cli.doctor.store_inspection import store_findings
from archive_service.cli.doctor.surroundings_inspection import (
    front_findings,
    mount_findings,
    port_findings,
    selinux_findings,
    temporary_findings,
)
from archive_service.cli.doctor.upload_inspection import upload_findings
from archive_service.config.crc_index_choice import index_address
from archive_service.config.groups.signing_settings import signing_state
from archive_service.config.setting_docs import docs_of, variable
from archive_service.config.settings import Settings
from archive_service.http.client_address import UNKNOWN
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED
from archive_service.storage.time_limits import within

ANSWER_WITHIN_S = 5.0
"""How long each directory is waited for."""
FILES_PER_DOWNLOAD = 4
"""Open files of a download: the connection twice, a directory and the file being sent."""


def _program(_settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if AS_COMPILED is NOTHING_COMPILED:
        yield Finding(
            Severity.ADVICE,
            "program",
            f"Python {version}, nothing compiled: albums of thousands of small files take 1.5 "
            "times as long. Install a C compiler and Python's headers, then the service again.",
        )
    else:
        yield Finding(Severity.GOOD, "program", f"Python {version}, with its compiled part")


def _settings(settings: Settings) -> Iterator[Finding]:
    changed = sorted(
        variable(name)
        for name, doc in docs_of(Settings).items()
        if not doc.is_default(getattr(settings, name))
    )
    source = "with" if Path(".env").exists() else "without"
    text = f"read in {Path.cwd()}, {source} a .env; not the default: {', '.join(changed) or 'none'}"
    yield Finding(Severity.GOOD, "settings", text)


def _signing(settings: Settings) -> Iterator[Finding]:
    yield Finding(Severity.GOOD, "signing", signing_state(settings.signing_keys))


def _limits(settings: Settings) -> Iterator[Finding]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_PER_DOWNLOAD * settings.max_downloads
    if hard != resource.RLIM_INFINITY and (not needed or hard < needed):
        wanted = f"MAX_DOWNLOADS={settings.max_downloads} needs {needed:,} open files"
        yield Finding(
            Severity.ADVICE,
            "limits",
            f"{wanted if needed else 'MAX_DOWNLOADS=0 needs no limit of open files'}: {hard:,} are "
            f"allowed, enough for some {hard // FILES_PER_DOWNLOAD:,} downloads at once. Raise the "
            "limit (LimitNOFILE of systemd, ulimits of compose), or set MAX_DOWNLOADS to that",
        )
    else:
        text = f"open files for {settings.max_downloads:,} downloads at once: {needed:,}"
        yield Finding(Severity.GOOD, "limits", text)


def _shared_by_all(settings: Settings) -> str:
    """Return the limits that all visitors behind an unidentified web server share."""
    limits = {
        "MAX_DOWNLOADS_PER_CLIENT": settings.max_downloads_per_client,
        "MISS_LIMIT, which slows the site's own requests, too": settings.miss_limit,
    }
    return " and ".join(name for name, value in limits.items() if value)


def _neighbours(settings: Settings) -> Iterator[Finding]:
    shared = _shared_by_all(settings)
    if settings.trusted_proxies == UNKNOWN and shared:
        yield Finding(
            Severity.ADVICE,
            "proxies",
            f"all visitors behind one web server share {shared}: name that server in "
            "TRUSTED_PROXIES, or set it to none if nothing is in front",
        )
    if not settings.monitor_port:
        yield Finding(
            Severity.ADVICE,
            "monitoring",
            "/metrics is on the port of the archives: have the web server in front forward "
            "nothing but /archive/, or set MONITOR_PORT",
        )


def _hanging(settings: Settings) -> Iterator[Finding]:
    """Report the directories of this machine that do not answer."""
    index = index_address(settings)
    places = {
        "albums": settings.photos_dir,
        "lists": settings.lists_dir,
        "index": None if index.kind.is_shared else index.path.parent,
    }
    for subject, place in places.items():
        if isinstance(place, Path) and not _answers(place):
            text = (
                f"{place} does not answer within {ANSWER_WITHIN_S:.0f} seconds: look at its disk, "
                "or at the server that it is mounted from"
            )
            yield Finding(Severity.WRONG, subject, text)


def _answers(directory: Path) -> bool:
    """Return whether a directory answers in time, if only with an error."""
    with suppress(OSError):
        try:
            within(ANSWER_WITHIN_S, partial(os.scandir, directory)).close()
        except TimeoutError:
            return False
    return True


Check = Callable[[Settings], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (
    _program,
    _settings,
    _signing,
    album_findings,
    list_findings,
    store_findings,
    index_findings,
    _limits,
    watching_findings,
    upload_findings,
    mount_findings,
    temporary_findings,
    port_findings,
    _neighbours,
    front_findings,
    selinux_findings,
)
_WOULD_WAIT: Mapping[str, Sequence[Check]] = {
    "albums": (
        album_findings,
        list_findings,
        watching_findings,
        upload_findings,
        mount_findings,
    ),
    "lists": (list_findings,),
    "index": (index_findings,),
}
"""Which checks would wait for a disk that does not answer, by the subject of its finding."""


def all_findings(settings: Settings) -> Iterator[Finding]:
    """Check everything but what lies on a disk that does not answer."""
    hanging = list(_hanging(settings))
    yield from hanging
    left_out = {check for found in hanging for check in _WOULD_WAIT[found.subject]}
    for check in CHECKS:
        if check not in left_out:
            yield from check(settings)
