"""A file that was touched before each replica had read it.

With one index all replicas go on with one another's downloads.  With an index each they may
disagree about the entity tag, and then begin anew: never is a tag given to two archives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, noise, settle
from harness.http import get
from harness.oracle import contents_of
from harness.server import Server, serving
from harness.touches import give_to_its_owner, rewrite

pytestmark = pytest.mark.xdist_group("replicas")

TARGET = f"/archive/{HASH}/"
FILES = {"1.jpg": noise(700_000), "2.jpg": noise(40_000, 1), "3.txt": b"three"}


@pytest.fixture
def replicas(photos_dir: Path, tmp_path: Path, caches: Sequence[str]) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        servers = []
        for name in caches:
            (tmp_path / name).mkdir(exist_ok=True)
            servers.append(stack.enter_context(serving(photos_dir, tmp_path / name)))
        yield servers


@pytest.mark.parametrize("caches", [("one", "one")])
def test_with_one_index_each_goes_on_with_what_another_began(
    photos_dir: Path, replicas: Sequence[Server]
) -> None:
    album = settle(make_album(photos_dir, FILES))
    first, second = replicas
    begun = get(first.port, TARGET)
    first.stop()  # its index is written now
    for name in FILES:
        give_to_its_owner(album / name)
    rest = get(second.port, TARGET, "Range: bytes=100000-", f"If-Range: {begun['etag']}")
    assert (rest.status, rest.content) == (206, begun.content[100_000:])


@pytest.mark.parametrize("caches", [("one", "another")])
@pytest.mark.parametrize("change", [give_to_its_owner, rewrite])
def test_with_an_index_each_no_tag_stands_for_two_archives(
    photos_dir: Path, replicas: Sequence[Server], change: Callable[[Path], None]
) -> None:
    album = settle(make_album(photos_dir, FILES))
    begun = get(replicas[0].port, TARGET)
    archives = {begun["etag"]: begun.content}
    for name in FILES:
        change(album / name)
        settle(album)
        for server in (*replicas, *replicas):
            whole = get(server.port, TARGET)
            assert contents_of(whole.content) == {n: (album / n).read_bytes() for n in FILES}
            assert archives.setdefault(whole["etag"], whole.content) == whole.content


@pytest.mark.parametrize("caches", [("one", "another")])
def test_with_an_index_each_a_download_of_a_touched_album_begins_anew(
    photos_dir: Path, replicas: Sequence[Server]
) -> None:
    album = settle(make_album(photos_dir, FILES))
    first, second = replicas
    begun = get(first.port, TARGET)
    for name in FILES:
        give_to_its_owner(album / name)
    rest = "Range: bytes=100000-"
    again = get(second.port, TARGET, rest, f"If-Range: {begun['etag']}")
    assert (again.status, again.content) == (200, begun.content)
    assert get(second.port, TARGET, rest, f"If-Match: {begun['etag']}").status == 412
    assert get(first.port, TARGET, rest, f"If-Range: {begun['etag']}").status == 206
