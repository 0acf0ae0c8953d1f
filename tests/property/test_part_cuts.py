"""How pieces are cut into parts: none is lost, none is cut, and no part is larger than need be."""

from __future__ import annotations

from itertools import accumulate, combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from archive_service.archive.part_cuts import Pieces, fewest_parts, partition

SIZES = st.one_of(
    st.lists(st.integers(1, 20), min_size=1, max_size=9),
    st.lists(st.sampled_from([1, 2, 1000]), min_size=1, max_size=9),
)
REPEATED = st.integers(0, 15)


def pieces_of(sizes: list[int], repeated: int = 0) -> Pieces:
    """Return pieces of which a part repeats so much that it is dearer, but never ascends less."""
    stops = list(accumulate(sizes))
    starts = [stop - size for stop, size in zip(stops, sizes, strict=True)]
    lessened = [0, *(max(before - repeated, 0) for before in starts[1:])]
    return Pieces(list(accumulate(lessened, max)), stops)


def parts_of(cuts: list[int]) -> list[tuple[int, int]]:
    return list(pairwise(cuts))


def dearest(pieces: Pieces, cuts: list[int]) -> int:
    """Return the most that a part of several pieces costs."""
    costs = [pieces.cost(first, stop) for first, stop in parts_of(cuts) if stop - first > 1]
    return max(costs, default=0)


def every_partition(pieces: int, parts: int) -> list[list[int]]:
    return [[0, *cuts, pieces] for cuts in combinations(range(1, pieces), parts - 1)]


@given(SIZES, REPEATED, st.data())
def test_every_piece_is_in_one_part_and_the_order_is_kept(
    sizes: list[int], repeated: int, data: st.DataObject
) -> None:
    parts = data.draw(st.integers(1, len(sizes)))
    cuts = partition(pieces_of(sizes, repeated), parts)
    assert len(cuts) == parts + 1
    assert [*range(len(sizes))] == [at for part in parts_of(cuts) for at in range(*part)]
    assert all(first < stop for first, stop in parts_of(cuts))


@given(SIZES, REPEATED, st.data())
def test_no_other_cuts_make_the_dearest_part_cheaper(
    sizes: list[int], repeated: int, data: st.DataObject
) -> None:
    pieces = pieces_of(sizes, repeated)
    parts = data.draw(st.integers(1, len(sizes)))
    best = min(dearest(pieces, cuts) for cuts in every_partition(len(sizes), parts))
    assert dearest(pieces, partition(pieces, parts)) == best


@given(SIZES, st.data())
def test_parts_differ_from_the_mean_by_no_more_than_the_largest_piece(
    sizes: list[int], data: st.DataObject
) -> None:
    pieces = pieces_of(sizes)
    parts = data.draw(st.integers(1, len(sizes)))
    mean = sum(sizes) / parts
    for first, stop in parts_of(partition(pieces, parts)):
        assert abs(pieces.cost(first, stop) - mean) <= max(sizes)


@given(SIZES, REPEATED, st.integers(0, 1100))
def test_parts_of_a_size_are_few_and_only_a_single_piece_is_larger(
    sizes: list[int], repeated: int, room: int
) -> None:
    pieces = pieces_of(sizes, repeated)
    parts = fewest_parts(pieces, room)
    assert dearest(pieces, partition(pieces, parts)) <= room
    fewer = every_partition(len(sizes), parts - 1) if parts > 1 else []
    assert all(dearest(pieces, cuts) > room for cuts in fewer)


@given(st.integers(1, 10**9), st.integers(1, 60), st.data())
def test_equal_pieces_are_shared_evenly(size: int, count: int, data: st.DataObject) -> None:
    parts = data.draw(st.integers(1, count))
    numbers = [
        stop - first for first, stop in parts_of(partition(pieces_of([size] * count), parts))
    ]
    assert max(numbers) - min(numbers) <= 1


def test_a_file_larger_than_all_others_leaves_them_evenly_shared() -> None:
    pieces = pieces_of([100_000, *[1] * 2000])
    assert partition(pieces, 5) == [0, 1, 501, 1001, 1501, 2001]
