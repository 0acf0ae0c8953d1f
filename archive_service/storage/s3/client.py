"""The client of the store: one for a process, made when it is first needed.

Endpoint, region and credentials are found by botocore's own chain: the AWS_ variables, profiles,
the roles of machines and containers.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from archive_service.archive.errors import StorageUnavailable
from archive_service.storage.s3.store_errors import EXPIRED, reason_of
from archive_service.storage.s3.timestamps import moment

_ATTEMPTS = 3
"""Of one request; the pauses between them are botocore's and grow."""
_ANY_NUMBER = 0
"""Connections at once: those who read slowly hold some, and must not keep the others waiting."""
LOOK_AGAIN_S = 10.0
"""How old a client is at least that another takes the place of: to make one takes a second."""
Client = Any
"""aiobotocore makes the methods of its clients when it runs: no type tells them."""


class Clients:
    """Gives out the client; for one event loop.

    Where credentials have expired they are looked for anew, by another client: what renews them
    may have written them to a file meanwhile.
    """

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()
        self._client: Client | None = None
        self._made_s = 0.0
        self._contexts: list[AbstractAsyncContextManager[Client]] = []

    async def client(self) -> Client:
        """Return the client; raise StorageUnavailable where none can be made."""
        async with self._lock:
            if self._client is None:
                try:
                    self._client = await self._another()
                except (BotoCoreError, ClientError, ValueError) as error:
                    raise StorageUnavailable(reason_of(error)) from None
        return self._client

    def failed(self, reason: str) -> None:
        """Take note of why a request failed."""
        if reason == EXPIRED and time.monotonic() - self._made_s > LOOK_AGAIN_S:
            self._client = None

    async def close(self) -> None:
        """Close all connections."""
        await self._leave(self._contexts)

    async def _another(self) -> Client:
        context = self._made()
        client = await context.__aenter__()
        # Reads by the one before may be under way; those by older ones begin again, with this one.
        older, self._contexts = self._contexts[:-1], [*self._contexts[-1:], context]
        await self._leave(older)
        self._made_s = time.monotonic()
        return client

    async def _leave(self, contexts: Sequence[AbstractAsyncContextManager[Client]]) -> None:
        for context in contexts:
            await context.__aexit__(None, None, None)

    def _made(self) -> AbstractAsyncContextManager[Client]:
        session = get_session()
        # dateutil, which botocore asks, takes longer for a date than all else for its object.
        session.get_component("response_parser_factory").set_parser_defaults(
            timestamp_parser=moment
        )
        config = AioConfig(
            connect_timeout=self._timeout_s,
            read_timeout=self._timeout_s,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            max_pool_connections=_ANY_NUMBER,
            # The archive's own CRC-32 tells the visitor; and of a part no store tells one.
            response_checksum_validation="when_required",
        )
        # botocore knows AWS_DEFAULT_REGION alone, where all other kits of AWS know this.
        region = os.environ.get("AWS_REGION") or None
        made: AbstractAsyncContextManager[Client] = session.create_client(
            "s3", region_name=region, config=config
        )
        return made
