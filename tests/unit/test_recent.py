"""What is kept of what was used last."""

from __future__ import annotations

from archive_service.archive.lru import WeightedLRU


def kept(recent: WeightedLRU[str, int], keys: str) -> str:
    return "".join(key for key in keys if recent.get(key) is not None)


def test_what_was_not_used_for_the_longest_time_goes_first() -> None:
    recent = WeightedLRU[str, int](3)
    for key in "abc":
        recent.put(key, 1, weight=1)
    assert recent.get("a") == 1
    recent.put("d", 1, weight=1)
    assert kept(recent, "abcd") == "acd"


def test_a_heavy_value_takes_the_place_of_several() -> None:
    recent = WeightedLRU[str, int](3)
    for key in "abc":
        recent.put(key, 1, weight=1)
    recent.put("d", 1, weight=2)
    assert kept(recent, "abcd") == "cd"


def test_a_value_too_heavy_is_not_kept_and_leaves_its_room() -> None:
    recent = WeightedLRU[str, int](3)
    recent.put("a", 1, weight=4)
    assert kept(recent, "a") == ""
    for key in "abc":
        recent.put(key, 1, weight=1)
    recent.put("d", 1, weight=4)
    assert kept(recent, "abcd") == "abc"
    recent.put("a", 1, weight=4)
    recent.put("d", 1, weight=1)
    assert kept(recent, "abcd") == "bcd"


def test_a_value_takes_the_place_of_the_earlier_one() -> None:
    recent = WeightedLRU[str, int](3)
    for value in range(5):
        recent.put("a", value, weight=3)
    assert recent.get("a") == 4
    recent.put("a", 5, weight=1)
    recent.put("b", 6, weight=2)
    assert kept(recent, "ab") == "ab"
