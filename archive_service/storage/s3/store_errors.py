"""Translates the errors of a store and its client into those of this service.

The reasons are short fixed phrases; docs/operations says what to do about each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import ClientError as BrokenConnection
from botocore import exceptions

from archive_service.archive.errors import DownloadFailed, SourceChanged, SourceUnreadable

EXPIRED = "credentials expired"
ARCHIVED = "archived"
OTHER_ADDRESSING = "other addressing"
_SLOW_DOWN, _DENIED, _TIMEOUT, _UNREACHABLE = "slow down", "access denied", "timeout", "unreachable"
_STORE_ERROR, _WRONG, _NO_CREDENTIALS = "store error", "wrong credentials", "no credentials"
# An answer to HEAD has no body, so its code is the status.
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
    "SecondLevelDomainForbidden": OTHER_ADDRESSING,  # Alibaba
    "PathStyleDomainForbidden": OTHER_ADDRESSING,  # Tencent
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
_GONE = ("NoSuchKey", "404")
_REPLACED = ("PreconditionFailed", "412")
STORE_ERRORS = (
    exceptions.BotoCoreError,
    exceptions.ClientError,
    BrokenConnection,
    asyncio.TimeoutError,
    OSError,
)
"""All exceptions that the client raises for a failed request."""
MALFORMED = (KeyError, ValueError)
"""Raised for an answer that is well-formed XML, but not what S3 answers."""
_ANOTHER_TRY_MAY_HELP = (_SLOW_DOWN, _TIMEOUT, _UNREACHABLE, _STORE_ERROR)


def reason_of(error: Exception) -> str:
    """Return a short fixed phrase for an error."""
    if isinstance(error, exceptions.ClientError):
        return _BY_CODE.get(_code(error), _STORE_ERROR)
    for kind, reason in _BY_KIND:
        if isinstance(error, kind):
            return reason
    return _STORE_ERROR


def failed_read(error: Exception) -> DownloadFailed:
    """Return the failure of a download whose read failed."""
    if isinstance(error, exceptions.ClientError):
        if _code(error) in _GONE:
            return SourceChanged("vanished")
        if _code(error) in _REPLACED:
            return SourceChanged("replaced")
    return SourceUnreadable(reason_of(error))


def may_be_tried_again(failure: DownloadFailed) -> bool:
    """Return whether a retry of the same read may succeed."""
    return isinstance(failure, SourceUnreadable) and failure.reason in _ANOTHER_TRY_MAY_HELP


def _code(error: exceptions.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
