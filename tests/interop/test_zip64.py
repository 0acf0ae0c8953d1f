"""Archives just below, at and above each value that a field can't hold any more.

What goes through gigabytes is marked slow.  The quick tests ask the server for the bytes around
the edges alone, and give the readers sparse archives.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH
from harness.http import connected, get, request
from harness.readers import READERS, SEEKING_READERS, TESTERS, Toolbox, succeed
from harness.server import Server, serving
from harness.sparse import BLOCK, HEAD, TAIL, sha256_of_sparse
from harness.zip64 import EDGES, LARGE, LAST, ONES_32, SMALL_BYTES, Edge, followed
from harness.zipcheck import check_file, check_mapped_structure

TARGET = f"/archive/{HASH}/"


# The server's bytes around the edges


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over the albums of all edges."""
    photos_dir, cache_dir = tmp_path_factory.mktemp("edges"), tmp_path_factory.mktemp("cache")
    for name, edge in EDGES.items():
        edge.write(photos_dir / hash_of(name))
    with serving(photos_dir, cache_dir) as server:
        yield server


def hash_of(name: str) -> str:
    return name.replace(" ", "-")


def bytes_at(server: Server, name: str, first: int, count: int) -> bytes:
    target = f"/archive/{hash_of(name)}/"
    answer = get(server.port, target, f"Range: bytes={first}-{first + count - 1}")
    assert answer.status == 206
    return answer.content


@pytest.mark.parametrize("name", EDGES)
def test_length_is_the_sum_of_the_records(name: str, server: Server) -> None:
    answer = request(server.port, "HEAD", f"/archive/{hash_of(name)}/")
    assert int(answer["content-length"]) == EDGES[name].archive_bytes


@pytest.mark.parametrize("name", EDGES)
def test_end_records_are_zip64_only_where_they_have_to_be(name: str, server: Server) -> None:
    edge = EDGES[name]
    entries, offset = len(edge.files), edge.central_offset
    end_bytes = 98 if edge.is_zip64 else 22
    size = edge.archive_bytes - end_bytes - offset
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, entries, entries, size, min(offset, ONES_32), 0)
    if edge.is_zip64:
        counts = (entries, entries, size, offset)
        zip64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 3 << 8 | 63, 45, 0, 0, *counts)
        end = zip64 + struct.pack("<4sLQL", b"PK\6\7", 0, offset + size, 1) + end
    assert bytes_at(server, name, edge.archive_bytes - end_bytes, end_bytes) == end


@pytest.mark.parametrize("name", EDGES)
def test_data_around_the_edge_is_in_its_place(name: str, server: Server) -> None:
    edge = EDGES[name]
    large = edge.files[LARGE]
    end = edge.central_offset if LAST not in edge.files else edge.central_offset - 40 - SMALL_BYTES
    assert bytes_at(server, name, end - large, len(HEAD)) == HEAD
    around = bytes_at(server, name, end - len(TAIL) - 1, len(TAIL) + 1)
    assert around == b"\0" + TAIL
    if LAST in edge.files:
        header = bytes_at(server, name, end, 40 + SMALL_BYTES)
        version = 45 if end >= ONES_32 else 10
        assert header[:6] == b"PK\3\4" + version.to_bytes(2, "little")
        assert header.endswith(HEAD + TAIL)


# What readers make of such archives, without their large data


@pytest.fixture(scope="module", params=EDGES)
def sparse_archive(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Edge, Path]]:
    edge = EDGES[request.param]
    path = tmp_path_factory.mktemp("sparse") / "archive.zip"
    edge.write_archive(path)
    yield edge, path
    path.unlink()


def test_archive_at_the_edge_is_what_the_format_says(sparse_archive: tuple[Edge, Path]) -> None:
    edge, archive = sparse_archive
    entries = check_mapped_structure(archive)
    assert archive.stat().st_size == edge.archive_bytes
    assert {entry.name.decode(): entry.size for entry in entries} == edge.files
    assert {entry.name.decode() for entry in entries if entry.is_zip64} == edge.zip64_entries


@pytest.mark.parametrize("reader", SEEKING_READERS)
def test_reader_finds_the_small_file_beside_the_large_one(
    reader: str, sparse_archive: tuple[Edge, Path], toolbox: Toolbox, tmp_path: Path
) -> None:
    edge, archive = sparse_archive
    [small] = edge.files.keys() - {LARGE}
    found = READERS[reader](toolbox, archive, tmp_path, small)
    assert found.keys() == {small}
    assert found[small].sha256 == sha256_of_sparse(SMALL_BYTES)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["7z", "l", "-slt"], "Size = {}"),
        (["bsdtar", "-tvf"], " {} Sep 13  2020 large"),
        (["unzip", "-l"], "{}  2020-09-13 12:26   large"),
    ],
)
def test_reader_lists_the_size_of_the_large_file(
    command: list[str], line: str, sparse_archive: tuple[Edge, Path]
) -> None:
    edge, archive = sparse_archive
    listed = succeed([*command, str(archive)], variables={"TZ": "UTC"})
    assert line.format(edge.files[LARGE]) in listed


# zipdetails 2.104 takes an offset below 4 GiB for a wrapped one in any archive that is longer.
@pytest.mark.parametrize(
    "sparse_archive", [name for name in EDGES if name != "directory below"], indirect=True
)
def test_zipdetails_accepts_the_archive_at_the_edge(sparse_archive: tuple[Edge, Path]) -> None:
    _, archive = sparse_archive
    assert succeed(["zipdetails", str(archive)]).endswith("Done\n")


# Whole downloads

EXACTLY_ALL_ONES = "size at, followed"
WHOLE: Mapping[str, Edge] = {**EDGES, EXACTLY_ALL_ONES: followed(ONES_32)}


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_whole_download_satisfies_every_reader(
    name: str, photos_dir: Path, serve: Serve, toolbox: Toolbox, tmp_path: Path
) -> None:
    edge, archive = WHOLE[name], tmp_path / "archive.zip"
    edge.write(photos_dir / HASH)
    download_sparsely(serve().port, archive)
    assert archive.stat().st_size == edge.archive_bytes
    entries = check_file(archive)
    assert {entry.name.decode(): entry.size for entry in entries} == edge.files
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checks = [pool.submit(check, edge, archive, toolbox) for check in checks_of(name)]
    for check in checks:
        check.result()
    archive.unlink()


Check = Callable[[Edge, Path, Toolbox], None]


def checks_of(name: str) -> list[Check]:
    checks = [check_7z, check_bsdtar, check_python, contents_check("java from a pipe")]
    # Where a file of exactly 2^32 - 1 bytes is followed by another behind 4 GiB, UnZip 6.00 reads
    # the second ZIP64 field amiss ("possible zip bomb"), whoever wrote it.
    if name != EXACTLY_ALL_ONES:
        checks.insert(0, check_unzip)  # the slowest
    if LARGE in WHOLE[name].zip64_entries:
        checks += [contents_check("java"), contents_check("go")]
    return checks


def check_unzip(_: Edge, archive: Path, __: Toolbox) -> None:
    check_with("unzip -t", archive)


def check_7z(_: Edge, archive: Path, __: Toolbox) -> None:
    check_with("7z t", archive)


def check_with(tester: str, archive: Path) -> None:
    command, verdict = TESTERS[tester]
    assert verdict in succeed([*command, str(archive)])


def check_bsdtar(edge: Edge, archive: Path, _: Toolbox) -> None:
    listed = succeed(["bsdtar", "-tf", "-"], stdin=archive)
    assert set(listed.split()) == edge.files.keys()


def check_python(_: Edge, archive: Path, __: Toolbox) -> None:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None


def contents_check(reader: str) -> Check:
    def check(edge: Edge, archive: Path, toolbox: Toolbox) -> None:
        found = READERS[reader](toolbox, archive, archive.parent)
        assert {name: entry.sha256 for name, entry in found.items()} == {
            name: sha256_of_sparse(size) for name, size in edge.files.items()
        }

    return check


def download_sparsely(port: int, target: Path) -> None:
    """Download an archive whole; its zeros take no room on the disk."""
    with connected(port) as connection, open(target, "xb") as archive:
        connection.send("GET", TARGET)
        status, field_lines = connection.receive_head()
        assert status == 200
        left = int(dict(field_lines)["content-length"])
        while left:
            block = connection.receive_content(min(left, len(BLOCK)))
            left -= len(block)
            if BLOCK.startswith(block):
                archive.seek(len(block), os.SEEK_CUR)
            else:
                archive.write(block)
        archive.truncate()
