"""The CRC index with parts and bytes of any kind in it, or at any address: right, or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.base import Rows
from archive_service.checksums.crc_index.index_url import parse_index_url
from archive_service.checksums.crc_index.row_blocks import block_of, decoded, encoded, rows_by_path
from archive_service.checksums.crc_index.sqlite import SqliteCrcIndex
from archive_service.observe.events import Event

ALBUM = ArchiveId("0123456789abcdef0123456789abcdef")
VERSION = bytes(range(32))
ROWS = [(b"%d.jpg" % number, VERSION, 0xFFFF0000 + number) for number in range(300)]
PARTS = 3
RIGHT = {path: (version, crc32) for path, version, crc32 in ROWS}
AFRESH = (b"afresh", VERSION, 7)
COLUMNS = ["album", "paths", "versions", "crc32s", "part_check"]
BOUNDED = settings(max_examples=30)

texts = st.text(max_size=40) | st.sampled_from(["1.jpg", "\0", ""])
values = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"1.jpg", VERSION, b"", b"\0"]),
    texts,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
)


def use_spoilt(spoil: Callable[[Path], object], *, is_of_use: bool = True) -> None:
    """Damage a full index; then its values are right, and it still works.

    SQLite looks through no whole tree, so where that is spoilt a part may get lost in it.
    """
    with TemporaryDirectory() as directory:
        path = Path(directory) / "crc.sqlite3"
        happened: list[Event] = []
        index = SqliteCrcIndex(path, happened.append)
        for number in range(PARTS):
            index.store(ALBUM, Rows.of(ROWS[number::PARTS]))
        index.close()
        spoil(path)
        index = SqliteCrcIndex(path, happened.append)
        assert index.load(ALBUM).items() <= RIGHT.items()
        index.store(ALBUM, Rows.of([AFRESH]))
        known = dict(index.load(ALBUM))
        stored = known.pop(AFRESH[0], None)
        assert stored == AFRESH[1:] or (stored is None and not is_of_use)
        assert known.items() <= RIGHT.items()
        index.forget(ALBUM, [AFRESH[0]])
        index.prune(["another"])
        assert index.load(ALBUM) == {} or not is_of_use
        index.close()
        assert len(happened) <= 2


@BOUNDED
@given(st.sampled_from(COLUMNS), values, st.integers(1, PARTS))
def test_a_column_of_any_value_makes_no_wrong_crc(column: str, value: object, part: int) -> None:
    def spoil(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            statement = f"UPDATE OR REPLACE crc SET {column} = ? WHERE part = ?"
            connection.execute(statement, (value, part))

    use_spoilt(spoil)


@BOUNDED
@given(st.binary(max_size=40), st.sampled_from(COLUMNS[1:]))
@example(b"\xff", "paths")
def test_text_that_is_no_text_makes_no_wrong_crc(value: bytes, column: str) -> None:
    def spoil(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            statement = f"UPDATE crc SET {column} = CAST(? AS TEXT) WHERE part = 1"
            connection.execute(statement, (value,))

    use_spoilt(spoil)


@BOUNDED
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=6))
@example([(0.16495331161628893, b"\x80")])  # the text of the schema, which is no UTF-8 then
def test_bytes_overwritten_anywhere_make_no_wrong_crc(
    damages: Sequence[tuple[float, bytes]],
) -> None:
    def spoil(path: Path) -> None:
        data = bytearray(path.read_bytes())
        for where, replacement in damages:
            start = int(where * (len(data) - len(replacement)))
            data[start : start + len(replacement)] = replacement
        path.write_bytes(data)

    use_spoilt(spoil, is_of_use=False)


@BOUNDED
@given(st.floats(0, 1), st.binary(max_size=64))
def test_a_file_cut_anywhere_makes_no_wrong_crc(where: float, tail: bytes) -> None:
    def spoil(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: int(where * len(data))] + tail)

    use_spoilt(spoil, is_of_use=False)


@BOUNDED
@given(st.binary(max_size=4096), st.sampled_from(["", "-wal", "-shm"]))
def test_any_bytes_in_place_of_a_file_make_no_wrong_crc(data: bytes, suffix: str) -> None:
    use_spoilt(lambda path: path.with_name(path.name + suffix).write_bytes(data), is_of_use=False)


PART = encoded(block_of(Rows.of(ROWS[:3])))


@given(
    st.sets(st.binary(min_size=1, max_size=9).filter(lambda path: b"\0" not in path), min_size=1)
)
def test_a_part_packed_in_one_string_is_unpacked_as_it_was(paths: set[bytes]) -> None:
    part = block_of(Rows.of([(path, VERSION, number) for number, path in enumerate(paths)]))
    assert decoded(encoded(part)) == part


@given(st.integers(0, 8 * len(PART) - 1))
def test_a_bit_flipped_in_a_packed_part_makes_it_none(bit: int) -> None:
    spoilt = bytearray(PART)
    spoilt[bit // 8] ^= 1 << bit % 8
    assert rows_by_path([decoded(bytes(spoilt))]) == {}


@given(st.binary(max_size=200) | st.integers(0, len(PART) - 1).map(lambda length: PART[:length]))
def test_any_string_in_place_of_a_packed_part_makes_no_value(data: bytes) -> None:
    assert rows_by_path([decoded(data)]) == {}


secrets = st.text(st.sampled_from("s3cret:/?#@[]%&=é\0 "), min_size=3, max_size=12)


@given(
    st.sampled_from(["sqlite", "redis", "rediss", "postgresql", "postgres", "x", ""]),
    secrets,
    st.text(st.sampled_from("0/?&=namespc@%"), max_size=12),
)
def test_any_address_is_taken_or_refused_without_its_password(
    scheme: str, password: str, rest: str
) -> None:
    secret = f"<{password}>"
    told = ""
    try:
        told = repr(parse_index_url(f"{scheme}://user:{secret}@host/{rest}"))
    except ValueError as error:
        told = str(error)
    assert secret[:4] not in told
