"""What may be sent by reference, and how long a file is kept open for it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Semaphore

import pytest

from archive_service.archive.listing import SourceIndex
from archive_service.archive.segments import EntryIndex, FileData
from archive_service.storage.base import DiskFile
from archive_service.transfer.batches import NOTHING, OpenData
from archive_service.transfer.referenced_files import (
    ReferencedFiles,
    ReferenceLimits,
    most_bytes_of_connection,
    most_held_bytes,
)

MIB = 1024 * 1024


class NoFiles:
    """Verifies nothing."""


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[OpenData]]:
    """Three open files of 100 bytes each, one behind the other."""
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    files = [DiskFile(os.open(path, os.O_RDONLY)) for _ in range(3)]
    yield [
        OpenData(
            FileData(EntryIndex(number), number * 100, number * 100 + 100),
            SourceIndex(number),
            NOTHING,
            file,
            NoFiles(),  # type: ignore[arg-type] # is not asked
        )
        for number, file in enumerate(files)
    ]
    for file in files:
        file.close()


def limits(held_bytes: int, files: int = 10) -> ReferenceLimits:
    return ReferenceLimits(held_bytes, Semaphore(files))


def test_the_last_bytes_of_an_answer_are_copied(three: list[OpenData]) -> None:
    with closing(ReferencedFiles(limits(150), stop=300)) as referenced:
        assert referenced.may_follow(0)
        assert referenced.take(three[0], 100)
        assert referenced.take(three[1], 149)  # one byte is kept back behind the 150
        assert not referenced.take(three[1], 150)
        assert not referenced.may_follow(149)


def test_an_answer_that_the_kernel_can_hold_is_copied(three: list[OpenData]) -> None:
    with closing(ReferencedFiles(limits(300), stop=300)) as referenced:
        assert not referenced.may_follow(0)
        assert not referenced.take(three[0], 1)


def test_a_file_has_been_read_when_as_much_as_the_kernel_holds_was_sent_behind_it(
    three: list[OpenData],
) -> None:
    with closing(ReferencedFiles(limits(100), stop=1000)) as referenced:
        assert referenced.take(three[0], 50)
        assert referenced.take(three[0], 100)
        assert referenced.take(three[1], 200)
        assert list(referenced.read_before(199)) == []
        (first,) = referenced.read_before(200)
        assert first.data.source == three[0].source
        first.close()
        (second,) = referenced.read_before(300)
        assert second.data.source == three[1].source
        second.close()


def test_a_file_stays_open_though_it_is_closed_elsewhere(three: list[OpenData]) -> None:
    with closing(ReferencedFiles(limits(100), stop=1000)) as referenced:
        assert referenced.take(three[0], 100)
        three[0].file.close()
        (first,) = referenced.read_before(1000)
        assert isinstance(first.data.file, DiskFile)
        assert len(first.data.file.read()) == 100
        first.close()


def test_without_a_descriptor_to_spare_bytes_are_copied(three: list[OpenData]) -> None:
    shared = limits(100, files=1)
    with closing(ReferencedFiles(shared, stop=1000)) as referenced:
        assert referenced.take(three[0], 100)
        assert not referenced.take(three[1], 200)
        with closing(ReferencedFiles(shared, stop=1000)) as another:
            assert not another.take(three[2], 100)
    with closing(ReferencedFiles(shared, stop=1000)) as another:
        assert another.take(three[2], 100)


def test_buffers_are_those_of_two_connections_and_a_pipe(tmp_path: Path) -> None:
    for directory in ("net/ipv4", "net/core", "fs"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "net/ipv4/tcp_wmem").write_text("4096\t16384\t4194304\n")
    (tmp_path / "net/ipv4/tcp_rmem").write_text("4096\t131072\t6291456\n")
    (tmp_path / "net/core/rmem_max").write_text("212992\n")
    (tmp_path / "fs/pipe-max-size").write_text(f"{3 * MIB}\n")
    assert most_bytes_of_connection(tmp_path) == 11 * MIB
    assert most_held_bytes(tmp_path) == 25 * MIB
    (tmp_path / "net/core/rmem_max").write_text(f"{8 * MIB}\n")
    assert most_bytes_of_connection(tmp_path) == 21 * MIB
    assert most_held_bytes(tmp_path) == 45 * MIB


def test_buffers_that_are_not_told_are_taken_for_large(tmp_path: Path) -> None:
    assert most_bytes_of_connection(tmp_path) == 17 * MIB
    assert most_held_bytes(tmp_path) == 35 * MIB


def test_a_connection_holds_no_more_than_is_counted() -> None:
    """Its buffers have grown for a quick reader, which then stops."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = socket.create_connection(listener.getsockname())
        writer, _ = listener.accept()
    taken = threading.Event()

    def read() -> None:
        buffer, left = bytearray(MIB), 4 * most_bytes_of_connection()
        while left > 0:
            left -= reader.recv_into(buffer)
        taken.set()

    with reader, writer:
        reading = threading.Thread(target=read)
        reading.start()
        block = bytes(MIB)
        for _ in range(4 * most_bytes_of_connection() // MIB + 1):
            writer.sendall(block)
        reading.join()
        assert taken.is_set()
        writer.settimeout(1)
        held_bytes = 0
        with suppress(TimeoutError):
            while held_bytes <= most_bytes_of_connection():
                held_bytes += writer.send(block)
        assert held_bytes <= most_bytes_of_connection()
