"""The checks of `archive-service check`; they change nothing."""

from __future__ import annotations

import http.client
import os
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from http import HTTPStatus
from itertools import islice
from pathlib import Path

from archive_service.archive.errors import DownloadFailed, StorageUnavailable
from archive_service.archive.id import ArchiveId, InvalidArchiveId
from archive_service.cli.doctor.findings import Finding, Verdict
from archive_service.cli.doctor.index_inspection import index_findings
from archive_service.cli.doctor.list_inspection import list_findings
from archive_service.cli.doctor.store_inspection import addressing_advice, store_findings
from archive_service.cli.doctor.surroundings_inspection import (
    front_findings,
    is_selinux_in_force,
    mount_findings,
    selinux_findings,
    temporary_findings,
)
from archive_service.cli.doctor.upload_inspection import upload_findings
from archive_service.cli.sockets import NoSuchHost, NotListening, listening
from archive_service.config.album_storage import advice, permission_advice, storage_of
from archive_service.config.groups.signing_settings import signing_state
from archive_service.config.setting_docs import docs_of, variable
from archive_service.config.settings import Settings
from archive_service.http.client_address import UNKNOWN
from archive_service.storage.base import Storage
from archive_service.storage.deadline import within
from archive_service.storage.local.filesystem_type import filesystem_of, is_changed_by_others
from archive_service.storage.local.listing_builder import MAX_LINKED
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED
from archive_service.storage.local.walk import MAX_DEPTH

LOOKED_AT_ALBUMS = 1000
LOOKED_AT_IN_STORE = 3
"""Each takes two requests, and permissions mostly apply to the whole bucket."""
FILES_PER_DOWNLOAD = 4
"""Open files of a download: the connection twice, a directory and the file being sent."""
_UNFIT = {
    "too deep": f"has more than {MAX_DEPTH} directories within directories: move the innermost up",
    "too many links": f"has links to more than {MAX_LINKED:,} files: link to fewer",
    "file too large": "has a file of an impossible size: remove it, or repair the disk",
    "timeout": "is on a disk that does not answer in time: look at the disk, or at the mount",
    "archived": "has objects in cold storage: restore them",
}
"""What is wrong with albums that permissions have nothing to do with, by the reason."""

_ANSWER_TIMEOUT_S = 2.0
ANSWER_WITHIN_S = 5.0
"""How long PHOTOS_DIR is waited for."""
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # nosec B104 # noqa: S104 - compared, not bound


def _program(_settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if AS_COMPILED is NOTHING_COMPILED:
        yield Finding(
            Verdict.ADVICE,
            "program",
            f"Python {version}, nothing compiled: albums of thousands of small files take half as "
            "much time again. Install a C compiler and Python's headers, then the service again.",
        )
    else:
        yield Finding(Verdict.GOOD, "program", f"Python {version}, with its compiled part")


def _settings(settings: Settings) -> Iterator[Finding]:
    changed = sorted(
        variable(name)
        for name, doc in docs_of(Settings).items()
        if not doc.is_default(getattr(settings, name))
    )
    source = "with" if Path(".env").exists() else "without"
    text = f"read in {Path.cwd()}, {source} a .env; not the default: {', '.join(changed) or 'none'}"
    yield Finding(Verdict.GOOD, "settings", text)


def _signing(settings: Settings) -> Iterator[Finding]:
    yield Finding(Verdict.GOOD, "signing", signing_state(settings.signing_keys))


def _albums(settings: Settings) -> Iterator[Finding]:
    with closing(storage_of(settings)) as storage:
        try:
            names = storage.albums()
        except StorageUnavailable as error:
            cure = addressing_advice(settings, error.reason) or advice(settings, error.reason)
            text = f"{settings.photos_dir} can't be read ({error}): {cure}"
            yield Finding(Verdict.WRONG, "albums", text)
            return
        yield from _looked_at(settings, storage, names)


def _looked_at(settings: Settings, storage: Storage, names: Sequence[str]) -> Iterator[Finding]:
    yield Finding(Verdict.GOOD, "albums", f"{len(names):,} in {settings.photos_dir}")
    is_local = isinstance(settings.photos_dir, Path)
    sample = names[: LOOKED_AT_ALBUMS if is_local else LOOKED_AT_IN_STORE]
    reasons = [(name, _why_unreadable(storage, name)) for name in sample]
    for reason in sorted({reason for _, reason in reasons if reason is not None}):
        names_of_it = [name for name, each in reasons if each == reason]
        cure = _UNFIT.get(reason) or f"can't be read by this user: {_cure(settings)}"
        text = f"{len(names_of_it):,} of the {len(sample):,} looked at, such as"
        yield Finding(Verdict.WRONG, "albums", f"{text} {_shown(names_of_it[0])}, {cure}")
    nameless = [name for name in names if not _is_id(name)]
    if nameless:
        yield Finding(
            Verdict.ADVICE,
            "albums",
            f"{len(nameless):,} have names that no link can have: rename them to letters, digits "
            "and - _ ~ . if they are to be downloaded",
        )


def _cure(settings: Settings) -> str:
    cure = permission_advice(settings)
    if isinstance(settings.photos_dir, Path) and is_selinux_in_force():
        cure += (
            "; or SELinux denies it: `ausearch -m avc -ts recent` tells, and restorecon, or :z at "
            "the volume of a container, cures it"
        )
    return cure


def _why_unreadable(storage: Storage, name: str) -> str | None:
    """Return the reason of what can't be read of an album; empty where its user may not read it."""
    try:
        archive = ArchiveId.parse(name)
        listing = storage.list(archive)
        with storage.files(archive, listing) as album:
            for source in islice(listing.files(), 1):
                with album.open(source) as file:
                    file.readinto(memoryview(bytearray(1)))
    except InvalidArchiveId:
        return None
    except StorageUnavailable as error:
        return error.reason if error.reason in _UNFIT else ""
    except (DownloadFailed, OSError):
        return ""
    return None


def _is_id(name: str) -> bool:
    try:
        ArchiveId.parse(name)
    except InvalidArchiveId:
        return name.startswith(".")  # hidden directories are no albums
    return True


def _shown(name: str) -> str:
    try:
        return str(ArchiveId.parse(name))
    except InvalidArchiveId:
        return "one"


def _limits(settings: Settings) -> Iterator[Finding]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_PER_DOWNLOAD * settings.max_downloads
    if hard != resource.RLIM_INFINITY and (not needed or hard < needed):
        wanted = f"MAX_DOWNLOADS={settings.max_downloads} needs {needed:,} open files"
        yield Finding(
            Verdict.ADVICE,
            "limits",
            f"{wanted if needed else 'MAX_DOWNLOADS=0 needs no limit of open files'}: {hard:,} are "
            f"allowed, enough for some {hard // FILES_PER_DOWNLOAD:,} downloads at once. Raise the "
            "limit (LimitNOFILE of systemd, ulimits of compose), or set MAX_DOWNLOADS to that",
        )
    else:
        text = f"open files for {settings.max_downloads:,} downloads at once: {needed:,}"
        yield Finding(Verdict.GOOD, "limits", text)


def _watching(settings: Settings) -> Iterator[Finding]:
    limit_file = Path("/proc/sys/fs/inotify/max_user_watches")
    if settings.index_ahead != "watch":
        return
    if not isinstance(settings.photos_dir, Path):
        text = "object stores don't report uploads: set INDEX_AHEAD=scan to index them ahead"
        yield Finding(Verdict.GOOD, "watching", text)
        return
    if is_changed_by_others(settings.photos_dir):
        kind = filesystem_of(settings.photos_dir)
        text = f"{kind} does not report uploads, so they are looked for every 10 seconds"
        yield Finding(Verdict.GOOD, "watching", text)
        return
    if not limit_file.exists():
        return
    limit = int(limit_file.read_text())
    with suppress(StorageUnavailable):  # reported with the albums
        albums = len(storage_of(settings).albums())
        if albums > limit:
            yield Finding(
                Verdict.ADVICE,
                "watching",
                f"{limit:,} directories may be watched and there are {albums:,} albums, so uploads "
                "are looked for every 10 seconds: raise fs.inotify.max_user_watches, or set "
                "INDEX_AHEAD=scan",
            )
        else:
            yield Finding(Verdict.GOOD, "watching", f"up to {limit:,} directories")


def _ports(settings: Settings) -> Iterator[Finding]:
    yield _port(settings.host, settings.port, "--host and --port", asked_port=settings.monitor_port)
    if settings.monitor_port:
        flags = "--monitor-host and --monitor-port"
        yield _port(settings.monitor_host, settings.monitor_port, flags, asked_port=0)


def _port(host: str, port: int, flags: str, *, asked_port: int) -> Finding:
    where = f"{host}:{port}"
    try:
        for listener in listening(host, port, flags=flags):
            listener.close()
    except NoSuchHost as error:
        return Finding(Verdict.WRONG, "port", f"{host} is {error}: choose another with {flags}")
    except NotListening as error:
        if _answers(host, asked_port or port):
            return Finding(Verdict.GOOD, "port", f"{where}, where the service answers")
        return Finding(Verdict.WRONG, "port", str(error))
    return Finding(Verdict.GOOD, "port", f"{where} is free")


def _answers(host: str, port: int) -> bool:
    address = _ANY_ADDRESS.get(host, host)
    connection = http.client.HTTPConnection(address, port, timeout=_ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _neighbours(settings: Settings) -> Iterator[Finding]:
    if settings.trusted_proxies == UNKNOWN and settings.max_downloads_per_client:
        yield Finding(
            Verdict.ADVICE,
            "proxies",
            "all visitors behind one web server share MAX_DOWNLOADS_PER_CLIENT: name it in "
            "TRUSTED_PROXIES, or set that to none where nothing is in front",
        )
    if not settings.monitor_port:
        yield Finding(
            Verdict.ADVICE,
            "monitoring",
            "/metrics is on the port of the archives: have the web server in front forward "
            "nothing but /archive/, or set MONITOR_PORT",
        )


Check = Callable[[Settings], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (
    _program,
    _settings,
    _signing,
    _albums,
    list_findings,
    store_findings,
    index_findings,
    _limits,
    _watching,
    upload_findings,
    mount_findings,
    temporary_findings,
    _ports,
    _neighbours,
    front_findings,
    selinux_findings,
)
_OF_ALBUMS = (_albums, list_findings, _watching, upload_findings, mount_findings)


def checks_for(settings: Settings) -> Sequence[Check]:
    """Return the checks; where PHOTOS_DIR does not answer, none that would wait for it."""
    if not isinstance(settings.photos_dir, Path):
        return CHECKS
    with suppress(OSError):
        try:
            within(ANSWER_WITHIN_S, partial(os.scandir, settings.photos_dir)).close()
        except TimeoutError:
            return [_hanging, *(check for check in CHECKS if check not in _OF_ALBUMS)]
    return CHECKS


def _hanging(settings: Settings) -> Iterator[Finding]:
    yield Finding(
        Verdict.WRONG,
        "albums",
        f"{settings.photos_dir} does not answer within {ANSWER_WITHIN_S:.0f} seconds: look at its "
        "disk, or at the server that it is mounted from",
    )
