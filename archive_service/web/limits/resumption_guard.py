"""Decides whether a bare range may continue the archive as it is now.

Most programs resume by a range without a validator and append what they get.  So the guard
remembers the entity tags that a client began with, and refuses to continue with another one.

- A program is identified by its address and User-Agent.  If it has begun nothing, any program of
  its address counts, because a user may resume with another program; but only if the address
  belongs to a visitor, not to an unidentified proxy.
- A client that has also begun the current archive is admitted: several visitors may share an
  address.  A short request for the start does not count: aria2 and axel send it before they resume.
- A client without a record is admitted: another replica may have answered it before.
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
from archive_service.web.limits.visitor import client_of

MOMENT_S = 0.5
"""Delay before a client that has begun another archive is judged.

The connections of a program arrive in any order, and the end of one may be noticed late."""
BRIEF_BYTES = 1024 * 1024
"""A shorter beginning may be a probe; the kernel takes some bytes that the client never reads."""


class Beginning(NamedTuple):
    """A beginning that the guard has recorded."""

    downloads: Sequence[bytes]
    etag: str
    begun_ns: int


class ResumptionGuard:
    """Records beginnings, and compares resumptions with them."""

    def __init__(self, proxies: TrustedProxies, begun: BegunDownloads) -> None:
        self._proxies = proxies
        self._begun = begun

    def note_beginning(
        self, request: web.Request, representation: Representation, *, files: Sequence[str]
    ) -> Beginning:
        """Record the state that a client begins with; `files` are those named in the query."""
        downloads = list(self._downloads(request, representation.archive, files))
        begun_ns = time.monotonic_ns()
        for download in downloads:
            self._begun.add(download, representation.etag, now_ns=begun_ns)
        return Beginning(downloads, representation.etag, begun_ns)

    def note_end(self, beginning: Beginning, answer: DownloadStarted, *, sent_bytes: int) -> None:
        """Record whether the client took enough for a download, or may only have probed."""
        if answer.first_pos:  # a reader may begin at the end and take no more
            return
        for download in beginning.downloads:
            if _is_brief(answer, sent_bytes):
                self._begun.mark_brief(download, begun_ns=beginning.begun_ns)
            else:
                self._begun.mark_proved(download, beginning.etag)

    async def refuses(
        self, request: web.Request, representation: Representation, *, files: Sequence[str]
    ) -> bool:
        """Return whether a client that resumes began with another archive and not with this one."""
        etag = representation.etag
        for download in self._downloads(request, representation.archive, files):
            has = self._begun.has_begun_another(download, etag, now_ns=time.monotonic_ns())
            if has:
                await asyncio.sleep(MOMENT_S)
                return not self._begun.may_resume(download, etag, now_ns=time.monotonic_ns())
            if has is not None:
                return False
        return False

    def _downloads(
        self, request: web.Request, archive: ArchiveId, files: Sequence[str]
    ) -> Iterator[bytes]:
        """Yield the digests of a download by this program, then by this address."""
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


def _digest(key: bytes, texts: Sequence[str]) -> bytes:
    data = "\0".join(texts).encode("utf-8", "surrogateescape")
    return blake2b(key + data, digest_size=DOWNLOAD_BYTES).digest()
