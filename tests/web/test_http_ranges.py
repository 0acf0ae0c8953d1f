"""Ranges on the wire: the oracle is RFC 9110 section 14, and the slice of the whole archive."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import BytesIO
from itertools import cycle, islice, pairwise
from zipfile import ZipFile

import pytest
from harness.albums import HASH, make_album, noise
from harness.byteranges import body_parts, content_range
from harness.http import Connection, Response, connected, request
from harness.server import Server, serving

from archive_service.archive.segments import LARGE_FILE_BYTES

ALBUM = {
    "a.txt": noise(300),
    "at.jpg": noise(LARGE_FILE_BYTES),
    "below.jpg": noise(LARGE_FILE_BYTES - 1),
    "empty": b"",
    "none/": b"",
    "sub/above.jpg": noise(LARGE_FILE_BYTES + 1),
    "sub/deeper/z.txt": noise(5),
    "\u043e\u0442\u043f\u0443\u0441\u043a.jpg": noise(3 * LARGE_FILE_BYTES),
}
TARGET = f"/archive/{HASH}/"
TINY = "tiny"
TINY_ALBUM = {"a": b"xyz"}
EMPTY = "empty"
MANY = 100
"""Ranges that one field may have."""
PART_OVERHEAD_BYTES = 80
CONNECTIONS = 16
"""Connections at once, so that thousands of requests also end soon where each answer takes long."""
PIPELINED = 64
"""Requests sent before their answers are read."""

Span = tuple[int, int]
"""First and last position, inclusive."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos_dir = tmp_path_factory.mktemp("photos")
    make_album(photos_dir, ALBUM)
    make_album(photos_dir, TINY_ALBUM, TINY)
    make_album(photos_dir, {}, EMPTY)
    with serving(photos_dir, tmp_path_factory.mktemp("cache"), "--empty-archives", "zip") as server:
        yield server


@pytest.fixture
def connections(server: Server) -> Iterator[Sequence[Connection]]:
    with ExitStack() as stack:
        yield [stack.enter_context(connected(server.port)) for _ in range(CONNECTIONS)]


@pytest.fixture(scope="module")
def whole(server: Server) -> bytes:
    return request(server.port, "GET", TARGET).content


def ask(connection: Connection, *values: str, target: str = TARGET) -> Response:
    return connection.exchange("GET", target, *(f"Range: {value}" for value in values))


def filled(value: str, whole: bytes) -> str:
    length = len(whole)
    return value.format(length=length, last=length - 1, over=length + 1, half=length // 2)


def assert_sends(answer: Response, spans: Sequence[Span], whole: bytes) -> None:
    """Assert that an answer has these parts of the archive, in this order."""
    assert answer.status == 206
    assert int(answer["content-length"]) == len(answer.content)
    if len(spans) == 1:
        first_pos, last_pos = spans[0]
        assert content_range(answer["content-range"]) == (first_pos, last_pos, len(whole))
        assert answer["content-type"] == "application/zip"
        assert answer.content == whole[first_pos : last_pos + 1]
        return
    assert "content-range" not in answer  # section 15.3.7.2
    parts = body_parts(answer)
    assert [(part.first_pos, part.last_pos) for part in parts] == list(spans)
    for part in parts:
        assert part.complete_length == len(whole)
        assert part.fields["content-type"] == "application/zip"
        assert part.data == whole[part.first_pos : part.last_pos + 1]


@pytest.mark.parametrize(
    ("value", "first_pos", "last_pos"),
    [  # one of each kind; tests/unit/http/test_ranges.py has all forms
        ("bytes=500-999", "500", "999"),
        ("bytes=0-", "0", "{last}"),
        ("bytes={last}-{over}", "{last}", "{last}"),
        ("bytes=1-" + "9" * 5000, "1", "{last}"),
        ("bytes=-1", "{last}", "{last}"),
        ("bytes=-{over}", "0", "{last}"),
        ("BYTES=-1", "{last}", "{last}"),
        ("bytes= , 0-0 ,\t", "0", "0"),
        ("bytes={length}-,-1", "{last}", "{last}"),
        ("bytes=50-149,0-99", "0", "149"),
        ("bytes=0-,-500", "0", "{last}"),
        (f"bytes=0-0,{PART_OVERHEAD_BYTES}-{PART_OVERHEAD_BYTES}", "0", f"{PART_OVERHEAD_BYTES}"),
    ],
)
def test_one_part(
    connection: Connection, whole: bytes, value: str, first_pos: str, last_pos: str
) -> None:
    span = int(filled(first_pos, whole)), int(filled(last_pos, whole))
    assert_sends(ask(connection, filled(value, whole)), [span], whole)


@pytest.mark.parametrize(
    ("value", "spans"),
    [
        ("bytes=0-0,-1", ["0-0", "{last}-{last}"]),  # section 14.1.2, "the first and last bytes"
        # section 15.3.7.2: "in the same order that the corresponding range-spec appeared"
        ("bytes=-1,0-0", ["{last}-{last}", "0-0"]),
        # a joined range stands where the first of its members stood
        ("bytes=5000-5009,0-9,5010-5019", ["5000-5019", "0-9"]),
        # no joining over a gap as large as the overhead of a part
        (f"bytes=0-0,{PART_OVERHEAD_BYTES + 1}-99", ["0-0", f"{PART_OVERHEAD_BYTES + 1}-99"]),
        ("bytes=0-9,{length}-{over},1000-1009,-0", ["0-9", "1000-1009"]),
    ],
)
def test_several_parts(
    connection: Connection, whole: bytes, value: str, spans: Sequence[str]
) -> None:
    pairs = [tuple(map(int, filled(span, whole).split("-"))) for span in spans]
    assert_sends(ask(connection, filled(value, whole)), [(a, b) for a, b in pairs], whole)


def test_as_many_ranges_as_may_be(connection: Connection, whole: bytes) -> None:
    spans = [(start, start + 9) for start in range(0, MANY * 1000, 1000)]
    random.Random(0).shuffle(spans)
    assert_sends(ask(connection, "bytes=" + listed(spans)), spans, whole)


def test_one_range_too_many_is_answered_with_the_whole(
    connection: Connection, whole: bytes
) -> None:
    # section 14.2: a server MAY ignore "a set of many small ranges"
    value = "bytes=" + listed([(start, start) for start in range(0, MANY * 1000 + 1, 1000)])
    assert_is_whole(ask(connection, value), whole)


@pytest.mark.parametrize("value", ["bytes=" + "0-," * 100, "bytes=" + "0-0,-1," * 50])
def test_repeated_ranges_send_nothing_twice(
    connection: Connection, whole: bytes, value: str
) -> None:
    # section 17.15: "one potential attack is a small request for large or many overlapping ranges"
    answer = ask(connection, value)
    assert answer.status == 206
    assert len(answer.content) <= len(whole)


def test_parts_are_no_longer_than_the_archive_and_their_framing(
    connection: Connection, whole: bytes
) -> None:
    step = PART_OVERHEAD_BYTES + 1
    value = "bytes=" + ",".join(f"{start}-{start}" for start in range(0, MANY * step, step))
    answer = ask(connection, value)
    assert len(body_parts(answer)) == MANY
    assert int(answer["content-length"]) == len(answer.content) < len(whole)


def test_the_same_ranges_have_the_same_answer(connection: Connection) -> None:
    first, second = (ask(connection, "bytes=0-9,1000-1009") for _ in range(2))
    assert first.content == second.content
    assert first["content-type"] == second["content-type"]


def assert_is_whole(answer: Response, whole: bytes) -> None:
    assert answer.status == 200
    assert "content-range" not in answer
    assert int(answer["content-length"]) == len(whole)
    assert answer.content == whole


@pytest.mark.parametrize(
    "value",
    [  # one of each kind; tests/unit/http/test_ranges.py has all forms
        # section 14.2: "MUST ignore a Range header field that contains a range unit it does not
        # understand"
        "items=0-9",
        # section 14.1.1: "An int-range is invalid if the last-pos value is present and less than
        # the first-pos"; a set is invalid with any invalid member; section 14.2: MAY be ignored
        "bytes=0-9,9-8",
        "bytes=100-" + "0" * 5000 + "99",
        # no ranges-specifier at all
        "",
        "bytes=",
        "bytes=0-9 20-29",
        "bytes=\N{ARABIC-INDIC DIGIT ONE}-9",
        "bytes=0-9,bytes=20-29",
    ],
)
def test_what_is_no_byte_range_is_ignored(connection: Connection, whole: bytes, value: str) -> None:
    assert_is_whole(ask(connection, filled(value, whole)), whole)


@pytest.mark.parametrize(
    "values",
    [["bytes=0-9", "bytes=20-29"], ["bytes=0-9", "bytes=0-9"], ["bytes=0-9", ""]],
)
def test_several_field_lines_are_ignored(
    connection: Connection, whole: bytes, values: Sequence[str]
) -> None:
    # section 5.3: "a sender MUST NOT generate multiple field lines"; Range is no list
    assert_is_whole(ask(connection, *values), whole)


@pytest.mark.parametrize(
    "value",
    [  # section 15.5.17: "none of the range-spec members is satisfiable"
        "bytes={length}-",
        "bytes={length}-{length}",
        "bytes={length}-" + "9" * 5000,
        "bytes=-0",
        "bytes=-" + "0" * 5000,
        "bytes=-0,{length}-",
    ],
)
def test_unsatisfiable_range(connection: Connection, whole: bytes, value: str) -> None:
    answer = ask(connection, filled(value, whole))
    assert answer.status == 416
    assert answer["content-range"] == f"bytes */{len(whole)}"  # section 14.4
    assert answer["content-type"].startswith("text/html")
    assert int(answer["content-length"]) == len(answer.content)
    assert "content-disposition" not in answer


@pytest.mark.parametrize(
    "value", ["bytes={over}-", "bytes=" + "9" * 5000 + "-", "bytes=-0,{length}-,{over}-{over}"]
)
def test_range_behind_the_end_goes_on_with_another_archive(
    connection: Connection, whole: bytes, value: str
) -> None:
    answer = ask(connection, filled(value, whole))
    assert answer.status == 412
    assert "content-range" not in answer
    assert "etag" not in answer


@pytest.mark.parametrize("value", ["bytes={over}-", "bytes=-0,{length}-,{over}-{over}"])
@pytest.mark.parametrize("field_name", ["If-Match", "If-Range"])
def test_range_behind_the_end_of_a_known_archive_is_unsatisfiable(
    connection: Connection, whole: bytes, value: str, field_name: str
) -> None:
    etag = connection.exchange("HEAD", TARGET)["etag"]
    value = filled(value, whole)
    answer = connection.exchange("GET", TARGET, f"Range: {value}", f"{field_name}: {etag}")
    assert answer.status == 416


def test_empty_album_is_an_archive_with_ranges(connection: Connection) -> None:
    target = f"/archive/{EMPTY}/"
    whole = connection.exchange("GET", target).content
    assert ZipFile(BytesIO(whole)).namelist() == []
    assert_sends(ask(connection, "bytes=-1", target=target), [(21, 21)], whole)
    assert ask(connection, f"bytes={len(whole)}-", target=target).status == 416


def test_ranges_of_a_subset(connection: Connection) -> None:
    target = TARGET + "?file=a.txt"
    whole = connection.exchange("GET", target).content
    answer = ask(connection, "bytes=-100", target=target)
    assert_sends(answer, [(len(whole) - 100, len(whole) - 1)], whole)


def test_ranges_of_the_manifest(connection: Connection) -> None:
    target = TARGET + "manifest.json"
    whole = connection.exchange("GET", target).content
    answer = ask(connection, "bytes=0-9,200-209", target=target)
    assert [part.data for part in body_parts(answer)] == [whole[:10], whole[200:210]]
    assert {part.fields["content-type"] for part in body_parts(answer)} == {"application/json"}


def test_every_range_of_a_small_archive_is_the_slice(connections: Sequence[Connection]) -> None:
    target = f"/archive/{TINY}/"
    whole = connections[0].exchange("GET", target).content
    length = len(whole)
    spans = ((first, last) for first in range(length) for last in range(first, length))
    assert sum(1 for _ in checked(connections, target, whole, spans)) == length * (length + 1) // 2


def test_ranges_around_every_edge_are_the_slices(
    connections: Sequence[Connection], whole: bytes
) -> None:
    points = sorted({edge + near for edge in edges(whole) for near in (-1, 0, 1)})
    inside = [point for point in points if 0 <= point < len(whole)]
    spans = [(first, last) for first in inside for last in inside if first <= last <= first + 4]
    spans += random.Random(1).sample(
        [(first, last) for first in inside for last in inside if first + 4 < last], 400
    )
    assert all(checked(connections, TARGET, whole, iter(spans)))


def test_random_sets_of_ranges_are_the_slices(connection: Connection, whole: bytes) -> None:
    chance = random.Random(3)
    for _ in range(30):
        points = sorted(chance.sample(range(0, len(whole), PART_OVERHEAD_BYTES), 20))
        spans = list(pairwise(points))[::2]
        chance.shuffle(spans)
        assert_sends(ask(connection, "bytes=" + listed(spans)), spans, whole)


def listed(spans: Sequence[Span]) -> str:
    return ",".join(f"{first}-{last}" for first, last in spans)


def edges(whole: bytes) -> Iterator[int]:
    """Yield where the records and the files of an archive begin and end (APPNOTE 4.3.6)."""
    archive = ZipFile(BytesIO(whole))
    for info in archive.infolist():
        yield info.header_offset
        lengths = whole[info.header_offset + 26 : info.header_offset + 30]
        data = info.header_offset + 30 + lengths[0] + lengths[2] + 256 * (lengths[1] + lengths[3])
        yield data
        yield data + info.file_size
    central = archive.start_dir
    for info in archive.infolist():
        yield central
        central += 46 + len(info.orig_filename.encode()) + len(info.extra)
    assert whole[central : central + 4] == b"PK\x05\x06"
    yield central
    yield len(whole)


def checked(
    connections: Sequence[Connection], target: str, whole: bytes, spans: Iterator[Span]
) -> Iterator[bool]:
    """Ask for ranges, some at a time on each connection, and compare each with the slice."""
    while batch := list(zip(cycle(connections), islice(spans, PIPELINED), strict=False)):
        for connection, (first, last) in batch:
            connection.send("GET", target, f"Range: bytes={first}-{last}")
        for connection, (first, last) in batch:
            answer = connection.receive()
            assert answer.status == 206
            assert content_range(answer["content-range"]) == (first, last, len(whole))
            assert answer.content == whole[first : last + 1]
            yield True
