"""Whether a bare range of a client may go on with the archive as it is now.

Most programs resume by a range that no validator guards, and append what they get.  So the guard
remembers with which entity tags a client began, and refuses to go on with another one.

- A program is remembered by its address and User-Agent.  Where it has begun nothing, any program of
  its address counts, for a user may go on with another one; but only where the address is that of a
  visitor, not of an unidentified proxy.
- A client that has begun the current archive, too, is never refused: of several visitors behind one
  address the guard cannot tell which one asks.
- A client of which nothing is known is not refused: another replica may have answered it before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from aiohttp import web

from archive_service.archive.id import ArchiveId
from archive_service.archive.representation import Representation
from archive_service.http.client_address import TrustedProxies
from archive_service.web.limits.begun_downloads import DOWNLOAD_BYTES, BegunDownloads
from archive_service.web.limits.visitor import client_of


class ResumptionGuard:
    """Remembers beginnings, and compares continuations with them."""

    def __init__(self, proxies: TrustedProxies, begun: BegunDownloads) -> None:
        self._proxies = proxies
        self._begun = begun

    def note_beginning(
        self, request: web.Request, representation: Representation, *, files: Sequence[str]
    ) -> None:
        """Remember with what a client begins; `files` is what the query takes of the album."""
        now_s = time.monotonic()
        for download in self._downloads(request, representation.archive, files):
            self._begun.add(download, representation.etag, now_s=now_s)

    def refuses(
        self, request: web.Request, representation: Representation, *, files: Sequence[str]
    ) -> bool:
        """Tell whether a client that goes on began with other archives alone."""
        now_s = time.monotonic()
        for download in self._downloads(request, representation.archive, files):
            verdict = self._begun.began_otherwise(download, representation.etag, now_s=now_s)
            if verdict is not None:
                return verdict
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


def _digest(key: bytes, texts: Sequence[str]) -> bytes:
    data = "\0".join(texts).encode("utf-8", "surrogateescape")
    return blake2b(key + data, digest_size=DOWNLOAD_BYTES).digest()
