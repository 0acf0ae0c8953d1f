"""One `observe` for several observers, none of which can break what it observes.

An event may come between the header fields of an answer and its body.  An exception there would end
the download.  So each exception of an observer is caught; the first of a kind is reported to all
observers as `ObserverFailed`.
"""

from __future__ import annotations

from archive_service.observe.events import Event, Observe
from archive_service.observe.exception_place import raised_at
from archive_service.observe.process_events import ObserverFailed
from archive_service.observe.recurrence import once


def to_each(*observers: Observe) -> Observe:
    """Return a function that passes each event to all observers and catches their exceptions."""

    def observe(event: Event) -> None:
        for observer in observers:
            try:
                observer(event)
            except Exception as error:  # noqa: BLE001 - whatever it is, the download goes on
                report(_failure(observer, event, error))

    # It is noted before it is passed on: a log that fails here, too, is not called for ever.
    report = once(observe)
    return observe


def _failure(observer: Observe, event: Event, error: Exception) -> ObserverFailed:
    return ObserverFailed(
        getattr(observer, "__name__", type(observer).__name__),
        type(event).__name__,
        type(error).__name__,
        raised_at(error.__traceback__),
    )
