"""A visitor who asks for one thing after the other, and how long each answer takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

_ANSWER_WITHIN_S = 10.0
_PAUSE_S = 0.005
_GIVES_UP_AFTER = 5
"""Failures of one kind of request."""


@dataclass
class Answers:
    """What became of the requests for one thing."""

    latencies_s: list[float] = field(default_factory=list)
    """From connecting to the last byte, of the answers that were whole."""
    failed: int = 0

    def percentile_ms(self, percent: int) -> float:
        """Return a percentile of the latencies; infinite where there is none."""
        if len(self.latencies_s) < 2:
            return float("inf")
        cuts = statistics.quantiles(self.latencies_s, n=100, method="inclusive")
        return cuts[percent - 1] * 1e3


Wishes = dict[str, Callable[[int], str]]
"""By name, the path that is asked for in each round."""


def visit(address: tuple[str, int], wishes: Wishes, rounds: Sequence[int]) -> dict[str, Answers]:
    """Ask for all wishes in each round, one after the other, each on a connection of its own."""
    answers = {name: Answers() for name in wishes}
    for number in rounds:
        if any(each.failed >= _GIVES_UP_AFTER for each in answers.values()):
            break
        for name, path in wishes.items():
            _ask(address, path(number), answers[name])
            time.sleep(_PAUSE_S)
    return answers


def _ask(address: tuple[str, int], path: str, answers: Answers) -> None:
    began_s = time.perf_counter()
    connection = HTTPConnection(*address, timeout=_ANSWER_WITHIN_S)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        answer.read()
        is_whole = answer.status == 200
    except (OSError, HTTPException):
        is_whole = False
    finally:
        connection.close()
    if is_whole:
        answers.latencies_s.append(time.perf_counter() - began_s)
    else:
        answers.failed += 1
