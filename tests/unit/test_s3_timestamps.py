"""The times that stores print."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

pytest.importorskip("botocore", reason="the extra s3 is not installed")
from archive_service.storage.s3.client import moment


def at(*when: int) -> datetime:
    return datetime(*when, tzinfo=timezone.utc)  # type: ignore[arg-type, misc]  # a date's parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01T12:30:59.123Z", at(2024, 5, 1, 12, 30, 59)),
        ("2024-05-01T12:30:59Z", at(2024, 5, 1, 12, 30, 59)),
        ("Wed, 01 May 2024 12:30:59 GMT", at(2024, 5, 1, 12, 30, 59)),
        ("0001-01-01T00:00:00.000Z", at(1, 1, 1)),
        ("9999-12-31T23:59:59Z", at(9999, 12, 31, 23, 59, 59)),
        ("0000-00-00T00:00:00Z", at(1970, 1, 1)),
        ("2024-13-45T99:99:99Z", at(1970, 1, 1)),
        ("12024-05-01T12:30:59Z", at(1970, 1, 1)),
        ("yesterday", at(1970, 1, 1)),
        ("", at(1970, 1, 1)),
    ],
)
def test_any_text_is_a_moment(text: str, expected: datetime) -> None:
    assert moment(text) == expected
