"""When a store that has failed is asked again."""

from __future__ import annotations

from archive_service.checksums.crc_index.circuit import FIRST_PAUSE_S, LONGEST_PAUSE_S, Circuit


def test_nothing_is_held_back_before_a_failure() -> None:
    assert not Circuit().is_open(0.0)
    assert not Circuit().is_broken


def test_pauses_double_up_to_the_longest() -> None:
    circuit, now_s = Circuit(), 1000.0
    pauses = []
    for _ in range(8):
        circuit.failed(now_s)
        pause_s = FIRST_PAUSE_S
        while circuit.is_open(now_s + pause_s):
            pause_s += 1
        pauses.append(pause_s)
        now_s += pause_s
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_a_success_ends_the_pauses() -> None:
    circuit = Circuit()
    circuit.failed(0.0)
    circuit.failed(1.0)
    assert circuit.is_open(2.9)
    circuit.succeeded()
    assert not circuit.is_open(2.9)
    circuit.failed(5.0)
    assert circuit.is_open(5.9)
    assert not circuit.is_open(6.0)
