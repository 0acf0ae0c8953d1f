"""How long to wait after failures in a row."""

from __future__ import annotations

import pytest

from archive_service.archive.backoff import backoff_s


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [backoff_s(failures, first_s=1.0, longest_s=30.0) for failures in range(1, 9)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("failures", [1024, 10**9])
def test_any_number_of_failures_has_a_pause(failures: int) -> None:
    assert backoff_s(failures, first_s=0.1, longest_s=10.0) == 10.0
