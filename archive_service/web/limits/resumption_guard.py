"""Whether a bare range of a client may go on with the archive as it is now.

Most programs resume by a range that no validator guards, and append what they get.  So the guard
remembers with which entity tags a client began, and refuses to go on with another one.

- A program is remembered by its address and User-Agent.  Where it has begun nothing, any program of
  its address counts, for a user may go on with another one; but only where the address is that of a
  visitor, not of an unidentified proxy.
- A client that has begun the current archive, too, is not refused: of several visitors behind one
  address the guard cannot tell which one asks.  To look at the start and leave is no beginning:
  aria2 and axel do so before they resume.
- A client of which nothing is known is not refused: another replica may have answered it before.
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
"""How long the answer waits to a client that has begun another archive: the connections by which
programs begin and look arrive in any order, and the end of one of them may be noticed later."""
BRIEF_BYTES = 1024 * 1024
"""A beginning of which less was sent may be a look: the kernel takes some of that unasked."""


class Beginning(NamedTuple):
    """A beginning as the guard has noted it."""

    downloads: Sequence[bytes]
    etag: str
    begun_ns: int


class ResumptionGuard:
    """Remembers beginnings, and compares continuations with them."""

    def __init__(self, proxies: TrustedProxies, begun: BegunDownloads) -> None:
        self._proxies = proxies
        self._begun = begun

    def note_beginning(
        self, request: web.Request, representation: Representation, *, files: Sequence[str]
    ) -> Beginning:
        """Remember with what a client begins; `files` is what the query takes of the album."""
        downloads = list(self._downloads(request, representation.archive, files))
        begun_ns = time.monotonic_ns()
        for download in downloads:
            self._begun.add(download, representation.etag, now_ns=begun_ns)
        return Beginning(downloads, representation.etag, begun_ns)

    def note_end(self, beginning: Beginning, answer: DownloadStarted, *, sent_bytes: int) -> None:
        """Remember whether a client has taken so little that it may only have looked."""
        if answer.first_pos:  # a reader that begins at the end needs no more than that
            return
        for download in beginning.downloads:
            if _is_brief(answer, sent_bytes):
                self._begun.mark_brief(download, begun_ns=beginning.begun_ns)
            else:
                self._begun.mark_proved(download, beginning.etag)

    async def refuses(
        self, request: web.Request, representation: Representation, *, files: Sequence[str]
    ) -> bool:
        """Tell whether a client that goes on has begun with another archive, and not with this."""
        etag = representation.etag
        for download in self._downloads(request, representation.archive, files):
            has = self._begun.has_begun_another(download, etag, now_ns=time.monotonic_ns())
            if has:
                await asyncio.sleep(MOMENT_S)
                return not self._begun.may_go_on(download, etag, now_ns=time.monotonic_ns())
            if has is not None:
                return False
        return False

    def _downloads(
        self, request: web.Request, archive: ArchiveId, files: Sequence[str]
    ) -> Iterator[bytes]:
        """Yield what stands for a download of this program, then of this address."""
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
