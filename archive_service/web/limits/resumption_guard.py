"""Decides whether a bare range may continue the archive as it is now.

Most programs resume by a range without a validator and append what they get.  So the guard
remembers the entity tags that a client began with, and refuses to continue with another one.

- A program is identified by its address and User-Agent.  If it has begun nothing, any program of
  its address counts, because a user may resume with another program; but only if the address
  belongs to a visitor, not to an unidentified proxy.
- A client that has also begun the current archive is admitted: several visitors may share an
  address.  A short request for the start does not count: aria2 and axel send it before they resume.
- A range that starts exactly where a changed file cut a download continues that one, so the state
  of that one decides.  Some programs have parts of both states: axel's connections each begin with
  the album that they find.
- A client without a record is admitted and recorded: another replica may have answered it before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from aiohttp import web

from archive_service.archive.id import ArchiveId
from archive_service.archive.representation import Representation
from archive_service.http.client_address import TrustedProxies
from archive_service.observe.events import DownloadStarted
from archive_service.web.limits.begun_downloads import DOWNLOAD_BYTES, BegunDownloads
from archive_service.web.limits.policy import PROBE_BYTES
from archive_service.web.limits.request_client import client_of

MOMENT_S = 0.5
"""Delay before a client that has begun another archive is judged.

The connections of a program arrive in any order, and the end of one may be noticed late."""
BRIEF_BYTES = 1024 * 1024
"""A shorter beginning may be a probe; the kernel takes some bytes that the client never reads."""


class GuardedDownload(NamedTuple):
    """A download that a client begins or continues."""

    keys: Sequence[bytes]
    """The digests of the download by this program, and by this address if it is a visitor's."""
    etag: str
    """The archive as it is now."""


class ResumptionGuard:
    """Records beginnings, and compares resumptions with them."""

    def __init__(self, proxies: TrustedProxies, begun: BegunDownloads) -> None:
        self._proxies = proxies
        self._begun = begun

    def guarded(
        self, request: web.Request, representation: Representation, *, files: Sequence[str]
    ) -> GuardedDownload:
        """Return the download that a request belongs to; `files` are those named in the query."""
        keys = list(self._keys(request, representation.archive, files))
        return GuardedDownload(keys, representation.etag)

    def note_beginning(self, download: GuardedDownload) -> None:
        """Record the state that a client begins with."""
        self._add(download.keys, download.etag)

    def note_end(
        self, download: GuardedDownload, answer: DownloadStarted, *, sent_bytes: int
    ) -> None:
        """Record if the client took too little for a download, and may only have probed."""
        # A reader may begin at the end and take no more.
        if not answer.first_pos and _is_brief(answer, sent_bytes):
            for key in download.keys:
                self._begun.mark_brief(key, download.etag)

    def note_cut(
        self, download: GuardedDownload, answer: DownloadStarted, *, sent_bytes: int
    ) -> None:
        """Record where a download was cut because a file had changed."""
        # Without a byte it is the start of a range, where a download of another state may start.
        if sent_bytes:
            position = answer.first_pos + sent_bytes
            self._add([_cut(key, position) for key in download.keys], download.etag)

    async def refuses(self, download: GuardedDownload, *, position: int) -> bool:
        """Return whether what a client resumes from a position belongs to another archive."""
        etag = download.etag
        for key in download.keys:
            has = self._begun.has_begun_another(key, etag, now_ns=time.monotonic_ns())
            if has:
                await asyncio.sleep(MOMENT_S)
                return not self._may_resume(key, etag, position=position)
            if has is not None:
                return False
        self._add(download.keys, etag)
        return False

    def _may_resume(self, key: bytes, etag: str, *, position: int) -> bool:
        now_ns = time.monotonic_ns()
        cut = _cut(key, position)
        is_cut = self._begun.has_begun_another(cut, etag, now_ns=now_ns) is not None
        return self._begun.may_resume(cut if is_cut else key, etag, now_ns=now_ns)

    def _add(self, keys: Sequence[bytes], etag: str) -> None:
        now_ns = time.monotonic_ns()
        for key in keys:
            self._begun.add(key, etag, now_ns=now_ns)

    def _keys(
        self, request: web.Request, archive: ArchiveId, files: Sequence[str]
    ) -> Iterator[bytes]:
        client = client_of(request, self._proxies)
        agent = request.headers.get("User-Agent", "")
        what = [archive.value, *sorted(set(files))]
        yield _digest(client.key, [*what, "", agent])  # no file has an empty name
        if client.is_known:
            yield _digest(client.key, what)


def _is_brief(answer: DownloadStarted, sent_bytes: int) -> bool:
    length = answer.content_length
    is_probe = length <= PROBE_BYTES and length < answer.complete_length
    return is_probe or sent_bytes < min(BRIEF_BYTES, length)


def _cut(key: bytes, position: int) -> bytes:
    """Return the key of a download's part that was cut at a position."""
    return _digest(key, [f"{position}"])


def _digest(key: bytes, texts: Sequence[str]) -> bytes:
    data = "\0".join(texts).encode("utf-8", "surrogateescape")
    return blake2b(key + data, digest_size=DOWNLOAD_BYTES).digest()
