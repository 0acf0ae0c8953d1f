"""The client of the store: one for each process, created when first used.

botocore finds endpoint, region and credentials itself: in AWS_ variables, profiles, and the roles
of machines and containers.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime, timezone
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import parse_timestamp

from archive_service.archive.errors import StorageUnavailable
from archive_service.storage.s3.bounded_answers import PATIENCE, BoundedSession
from archive_service.storage.s3.location import Addressing
from archive_service.storage.s3.store_errors import EXPIRED, reason_of

_ATTEMPTS = 3
"""Tries of one request; botocore makes growing pauses between them."""
_ANY_NUMBER = 0
"""No limit of connections: slow readers hold some, and must not delay the others."""
LOOK_AGAIN_S = 10.0
"""The least age of a client that is replaced: creating one takes a second."""
_IN_LISTINGS = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z")  # ISO 8601
_UNKNOWN = datetime(1970, 1, 1, tzinfo=timezone.utc)
Client = Any
"""aiobotocore generates the methods of its clients, so they have no types."""


class Clients:
    """Provides the client; for one event loop.

    Expired credentials are looked up anew, by a new client: they may have been renewed in a file.
    """

    def __init__(self, *, timeout_s: float, addressing: Addressing) -> None:
        self.patience_s = PATIENCE * timeout_s
        """The time for a page of a listing, and for each ENOUGH_BYTES of an object (`body.py`)."""
        self._timeout_s = timeout_s
        self._addressing = addressing
        self._lock = asyncio.Lock()
        self._client: Client | None = None
        self._made_s = 0.0
        self._contexts: list[AbstractAsyncContextManager[Client]] = []

    async def client(self) -> Client:
        """Return the client; raise StorageUnavailable if it can't be created."""
        async with self._lock:
            if self._client is None:
                try:
                    self._client = await self._another()
                except (BotoCoreError, ClientError, ValueError) as error:
                    raise StorageUnavailable(reason_of(error)) from None
        return self._client

    def failed(self, reason: str) -> None:
        """Drop the client if a request failed because its credentials have expired."""
        if reason == EXPIRED and time.monotonic() - self._made_s > LOOK_AGAIN_S:
            self._client = None

    async def close(self) -> None:
        """Close all connections."""
        await self._leave(self._contexts)

    async def _another(self) -> Client:
        context = self._made()
        client = await context.__aenter__()
        # Reads by the client before may be under way; reads by older ones start again with this
        # one.
        older, self._contexts = self._contexts[:-1], [*self._contexts[-1:], context]
        await self._leave(older)
        self._made_s = time.monotonic()
        return client

    async def _leave(self, contexts: Sequence[AbstractAsyncContextManager[Client]]) -> None:
        for context in contexts:
            await context.__aexit__(None, None, None)

    def _made(self) -> AbstractAsyncContextManager[Client]:
        session = get_session()
        # botocore's dateutil takes longer for a date than the rest takes for its object.
        session.get_component("response_parser_factory").set_parser_defaults(
            timestamp_parser=moment
        )
        config = AioConfig(
            connect_timeout=self._timeout_s,
            read_timeout=self._timeout_s,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            max_pool_connections=_ANY_NUMBER,
            # The archive's own CRC-32 protects the content, and no store sends one for a range.
            response_checksum_validation="when_required",
            http_session_cls=BoundedSession,
        )
        if self._addressing != "auto":  # which would count above the file of AWS_CONFIG_FILE
            config = config.merge(AioConfig(s3={"addressing_style": self._addressing}))
        # botocore only reads AWS_DEFAULT_REGION; all other SDKs of AWS read this one.
        region = os.environ.get("AWS_REGION") or None
        made: AbstractAsyncContextManager[Client] = session.create_client(
            "s3", region_name=region, config=config
        )
        return made


def moment(text: Any) -> datetime:  # noqa: ANN401 - what botocore finds in an answer
    """Return the time in a text; in whole seconds in the format of listings.

    Some stores print fractions of a second, and some of these only in one of two answers.
    An invalid text, or the year 0, means 1970: the time of one object must not make an album
    unreadable.
    """
    match = _IN_LISTINGS.fullmatch(text) if isinstance(text, str) else None
    with suppress(ValueError, OverflowError):
        if match is None:
            parsed: datetime = parse_timestamp(text)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)
        year, month, day, hour, minute, second = map(int, match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    return _UNKNOWN
