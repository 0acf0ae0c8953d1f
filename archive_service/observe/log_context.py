"""Fields that every line of the log has while one request is answered."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

_FIELDS: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default={})  # noqa: B039 - frozen


def context_fields() -> Mapping[str, str]:
    """Return the fields of the current task."""
    return _FIELDS.get()


class LineField:
    """Adds a field to all lines that a block and the tasks that it starts log."""

    __slots__ = ("_name", "_token", "_value")

    def __init__(self, name: str, value: str) -> None:
        self._name = name
        self._value = value

    def __enter__(self) -> None:
        self._token = _FIELDS.set({**_FIELDS.get(), self._name: self._value})

    def __exit__(self, *_raised: object) -> None:
        _FIELDS.reset(self._token)
