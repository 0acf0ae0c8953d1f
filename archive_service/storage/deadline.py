"""Calls that may hang, before there is anything that keeps threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

_Result = TypeVar("_Result")


def within(seconds: float, work: Callable[[], _Result]) -> _Result:
    """Do work in a thread of its own and return its result, or raise what it raises.

    Raise TimeoutError where it does not end in time; the thread goes on.
    """
    done: Future[_Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised for the caller
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return done.result(seconds)
    except futures.TimeoutError:  # not the built-in one before Python 3.11
        raise TimeoutError from None
