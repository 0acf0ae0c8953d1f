"""What a store or its client says, as the errors of this service.

The reasons are short fixed phrases; docs/operations tells what to do about each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import ClientError as BrokenConnection
from botocore import exceptions

from archive_service.archive.errors import DownloadFailed, SourceChanged, SourceUnreadable

EXPIRED = "credentials expired"
ARCHIVED = "archived"
_SLOW_DOWN, _DENIED, _TIMEOUT, _UNREACHABLE = "slow down", "access denied", "timeout", "unreachable"
_STORE_ERROR, _WRONG, _NO_CREDENTIALS = "store error", "wrong credentials", "no credentials"
# An answer to HEAD has no text: its code is the status.
_BY_CODE: Mapping[str, str] = {
    "SlowDown": _SLOW_DOWN,
    "503": _SLOW_DOWN,
    "429": _SLOW_DOWN,
    "ServiceUnavailable": _SLOW_DOWN,
    "TooManyRequests": _SLOW_DOWN,
    "RequestLimitExceeded": _SLOW_DOWN,
    "Throttling": _SLOW_DOWN,
    "ThrottlingException": _SLOW_DOWN,
    "ExpiredToken": EXPIRED,
    "ExpiredTokenException": EXPIRED,
    "TokenRefreshRequired": EXPIRED,
    "InvalidAccessKeyId": _WRONG,
    "SignatureDoesNotMatch": _WRONG,
    "InvalidToken": _WRONG,
    "AuthorizationHeaderMalformed": _WRONG,
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "403": _DENIED,
    "RequestTimeTooSkewed": "clock skew",
    "NoSuchBucket": "no bucket",
    "PermanentRedirect": "other region",
    "IllegalLocationConstraintException": "other region",
    "301": "other region",
    "InvalidObjectState": ARCHIVED,
    "RequestTimeout": _TIMEOUT,
    "504": _TIMEOUT,
}
_BY_KIND: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    ((exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError, asyncio.TimeoutError), _TIMEOUT),
    (exceptions.SSLError, "no trust"),
    (
        (exceptions.ConnectionError, exceptions.HTTPClientError, BrokenConnection, OSError),
        _UNREACHABLE,
    ),
    (
        (
            exceptions.NoCredentialsError,
            exceptions.PartialCredentialsError,
            exceptions.CredentialRetrievalError,
            exceptions.ProfileNotFound,
        ),
        _NO_CREDENTIALS,
    ),
)
REASONS = frozenset((*_BY_CODE.values(), *(reason for _, reason in _BY_KIND), _STORE_ERROR))
"""All that `reason_of` says."""
_GONE = ("NoSuchKey", "404")
_REPLACED = ("PreconditionFailed", "412")
STORE_ERRORS = (
    exceptions.BotoCoreError,
    exceptions.ClientError,
    BrokenConnection,
    asyncio.TimeoutError,
    OSError,
)
"""All that the client raises where an answer is not what was asked for."""
_ANOTHER_TRY_MAY_HELP = (_SLOW_DOWN, _TIMEOUT, _UNREACHABLE, _STORE_ERROR)


def reason_of(error: Exception) -> str:
    """Say in a short fixed phrase what went wrong."""
    if isinstance(error, exceptions.ClientError):
        return _BY_CODE.get(_code(error), _STORE_ERROR)
    for kind, reason in _BY_KIND:
        if isinstance(error, kind):
            return reason
    return _STORE_ERROR


def failed_read(error: Exception) -> DownloadFailed:
    """Return what a download is told of a read that failed."""
    if isinstance(error, exceptions.ClientError):
        if _code(error) in _GONE:
            return SourceChanged("vanished")
        if _code(error) in _REPLACED:
            return SourceChanged("replaced")
    return SourceUnreadable(reason_of(error))


def may_be_tried_again(failure: DownloadFailed) -> bool:
    """Tell whether the same read may succeed in a moment."""
    return isinstance(failure, SourceUnreadable) and failure.reason in _ANOTHER_TRY_MAY_HELP


def _code(error: exceptions.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
