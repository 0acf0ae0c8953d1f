"""Fields that every line of the log has while one request is answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_FIELDS: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default={})  # noqa: B039 - frozen


def context_fields() -> Mapping[str, str]:
    """Return the fields of the current task."""
    return _FIELDS.get()


@contextmanager
def in_each_line(name: str, value: str) -> Iterator[None]:
    """Add a field to all lines that the block and the tasks that it starts log."""
    token = _FIELDS.set({**_FIELDS.get(), name: value})
    try:
        yield
    finally:
        _FIELDS.reset(token)
