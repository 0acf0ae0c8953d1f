"""Blocks of albums in Redis, or in a server with its protocol, such as Valkey.

An album is a list, a block an element of it; new blocks are appended.  Each use of a list renews
its time to live, so unused albums expire.  The key holds the version of the layout, so releases
with another layout neither see nor change these lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from archive_service.checksums.crc_index.block_store import (
    Change,
    Condition,
    Contended,
    StoreFailed,
    WriteRefused,
)
from archive_service.checksums.crc_index.index_url import IndexAddress
from archive_service.checksums.crc_index.row_blocks import RowBlock, decoded, encoded

_LAYOUT = "v1"
_TIMEOUT_S = 2.0
"""For a connection, and between two pieces of an answer."""
_TRIES = 50
"""Attempts to change an album that other clients change at the same time."""
_SCANNED_AT_ONCE = 1000
_DAY_S = 86400
_UNLIMITED = "0"
_Result = TypeVar("_Result")


def store(address: IndexAddress) -> RedisStore:
    """Return the store of an address; see `RedisStore`."""
    return RedisStore(address.url, namespace=address.namespace, keep_days=address.keep_days)


class RedisStore:
    """A client of one server; see `Store`.  Raise ValueError for a URL with a mistake."""

    def __init__(self, url: str, *, namespace: str, keep_days: int) -> None:
        self._prefix = f"archive-service:{_LAYOUT}:{namespace}:".encode()
        self._keep_s = keep_days * _DAY_S
        try:
            self._client = redis.Redis.from_url(
                url,
                protocol=2,  # version 3 only adds round trips at the start
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
                # Retry once, at once: servers and routers cut idle connections.
                retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            )
            self._client.connection_pool.make_connection()  # checks the options, does not connect
        except (TypeError, ValueError, redis.RedisError):
            raise ValueError("has an option or a part that the library refuses") from None

    def load(self, album: bytes) -> Sequence[RowBlock]:
        """Return the blocks of an album; see `Store.load`."""
        return self._translated(lambda: self._load(self._key(album)))

    def add(self, album: bytes, block: RowBlock) -> int:
        """Add a block; see `Store.add`."""

        def add() -> int:
            with self._client.pipeline() as commands:  # in one transaction
                commands.rpush(self._key(album), encoded(block))
                commands.expire(self._key(album), self._keep_s)
                count, _ = commands.execute()
                return int(count)

        return self._translated(add)

    def rewrite(self, album: bytes, change: Change) -> None:
        """Change the blocks of an album; see `Store.rewrite`."""
        self._translated(lambda: self._rewrite(self._key(album), change))

    def prune(self, kept: AbstractSet[bytes]) -> None:
        """Drop all albums of the namespace but these; see `Store.prune`."""
        self._translated(lambda: self._prune({self._key(album) for album in kept}))

    def tidy(self) -> None:
        """Do nothing: lists expire, and the server bounds its memory."""

    def condition(self) -> Condition:
        """Return the state of the server; see `Store.condition`."""
        try:
            return self._translated(self._condition)
        finally:
            self.close()

    def cut(self) -> None:
        """Cut the connection, whose time-outs begin anew with each byte; see `Store.cut`."""
        with suppress(Exception):  # the thread that uses it may be closing it itself
            self._client.connection_pool.disconnect(inuse_connections=True)

    def close(self) -> None:
        """Close the connection; see `Store.close`."""
        with suppress(redis.RedisError, OSError):
            self._client.close()
            self._client.connection_pool.disconnect()

    def _key(self, album: bytes) -> bytes:
        return self._prefix + album.hex().encode()

    def _load(self, key: bytes) -> list[RowBlock]:
        with self._client.pipeline(transaction=False) as commands:
            commands.lrange(key, 0, -1)
            commands.expire(key, self._keep_s)  # refused by a server that is read-only
            found, _ = commands.execute(raise_on_error=False)
        if not isinstance(found, Exception):
            return [decoded(data) for data in found]
        if not str(found).startswith("WRONGTYPE"):
            raise found
        self._client.delete(key)  # another program's value under our key
        return []

    def _rewrite(self, key: bytes, change: Change) -> None:
        for _ in range(_TRIES):
            with self._client.pipeline() as commands, suppress(redis.WatchError):
                commands.watch(key)  # type: ignore[no-untyped-call] # redis-py's has no types
                found = cast("list[bytes]", commands.lrange(key, 0, -1))
                changed = change([decoded(data) for data in found])
                if changed is None:
                    return
                commands.multi()
                commands.delete(key)
                if changed:
                    commands.rpush(key, *map(encoded, changed))
                    commands.expire(key, self._keep_s)
                commands.execute()
                return
        raise Contended

    def _prune(self, kept: AbstractSet[bytes]) -> None:
        found = self._client.scan_iter(self._prefix + b"*", count=_SCANNED_AT_ONCE)
        gone: list[bytes] = []
        for key in found:
            if key not in kept:
                gone.append(key)
            if len(gone) == _SCANNED_AT_ONCE:
                self._client.unlink(*gone)
                gone = []
        if gone:
            self._client.unlink(*gone)

    def _condition(self) -> Condition:
        info = self._client.info()
        keys = self._client.dbsize()
        limit = str(info.get("maxmemory", _UNLIMITED))
        policy = str(info.get("maxmemory_policy", ""))
        text = f"Redis {info.get('redis_version', '')}, {keys:,} keys"
        text += f", {info.get('used_memory', 0):,} bytes in all"
        advice = []
        if limit == _UNLIMITED:
            advice.append("it has no maxmemory: set one, and maxmemory-policy allkeys-lru")
        elif policy == "noeviction":
            advice.append("it takes nothing new when it is full: set maxmemory-policy allkeys-lru")
        if info.get("role") != "master":
            advice.append("it is a replica, which takes nothing new: name the master in INDEX_URL")
        return Condition(text, advice)

    def _translated(self, action: Callable[[], _Result]) -> _Result:
        """Return an action's result; raise the library's errors as StoreFailed."""
        try:
            return action()
        except redis.OutOfMemoryError:
            raise WriteRefused("full") from None
        except redis.ReadOnlyError:
            raise WriteRefused("read-only") from None
        except redis.BusyLoadingError:
            raise StoreFailed("still loading") from None
        except redis.AuthenticationError:
            raise StoreFailed("user or password refused") from None
        except redis.exceptions.NoPermissionError:
            raise StoreFailed("a command not permitted") from None
        except redis.TimeoutError:
            raise StoreFailed("no answer in time") from None
        except redis.ResponseError as error:
            if str(error).startswith("MISCONF"):
                raise WriteRefused("can't save to its disk") from None
            raise StoreFailed("a command refused") from None
        except (redis.RedisError, OSError):
            raise StoreFailed("can't be reached") from None
