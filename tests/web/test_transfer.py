"""How bytes get onto the wire: by the kernel where it can, copied where it can't."""

from __future__ import annotations

import asyncio
import io
import os
import resource
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    contextmanager,
    nullcontext,
    suppress,
)
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError, ClientSession, UnixConnector, web
from harness.albums import HASH, make_album, make_sparse, noise, settle
from harness.conditions import eventually
from harness.gatedfs import gated
from harness.http import begun, connected, get
from harness.in_process import app_over, listening
from harness.inotify import watches
from harness.oracle import contents_of
from harness.pagecache import evict
from harness.server import Server, open_files, serving
from harness.strace import Call, Trace, traced

from archive_service.archive.errors import SourceChanged, SourceUnreadable
from archive_service.archive.segments import LARGE_FILE_BYTES
from archive_service.observe.events import DownloadInterrupted, Event, ignore
from archive_service.transfer.file_span import Chunk, FileSpan
from archive_service.transfer.referenced_files import most_held_bytes
from archive_service.transfer.response_transfer import Transfer
from archive_service.web.http_server.client_connection import ConnectionTimes

Serve = Callable[..., Server]

TARGET = f"/archive/{HASH}/"
LARGE_BYTES = 3_000_000
READS = ("read", "pread64", "readv", "preadv", "preadv2", "mmap")
INOTIFY = "anon_inode:inotify"
MEBIBYTE = 1024 * 1024
MEMORY_LIMIT_BYTES = 300 * MEBIBYTE


def some_files() -> dict[str, bytes]:
    return {
        "1.bin": noise(LARGE_BYTES, seed=1),
        "2.txt": b"small",
        "3.bin": noise(LARGE_FILE_BYTES, seed=3),
        "4.bin": noise(LARGE_FILE_BYTES - 1, seed=4),
        "5.bin": noise(LARGE_BYTES, seed=5),
        "empty": b"",
    }


def make_long_album(photos_dir: Path) -> Path:
    """Make an album with a last file that is longer than what is copied of every answer."""
    album = make_album(photos_dir, some_files())
    make_sparse(album / "last.bin", most_held_bytes() + 8 * MEBIBYTE)
    return album


def assert_holds(archive: bytes, files: dict[str, bytes]) -> None:
    assert contents_of(archive) == files


def test_one_connection_carries_one_download_after_the_other(
    server: Server, photos_dir: Path
) -> None:
    make_album(photos_dir, some_files())
    with connected(server.port) as connection:
        first = connection.exchange("GET", TARGET)
        assert_holds(first.content, some_files())
        for _ in range(5):
            assert connection.exchange("GET", TARGET).content == first.content
            part = connection.exchange("GET", TARGET, "Range: bytes=100-2000000")
            assert part.content == first.content[100:2000001]
            assert connection.exchange("HEAD", TARGET).status == 200
            assert connection.exchange("GET", f"{TARGET}manifest.json").status == 200


def test_requests_sent_ahead_are_answered_in_turn(server: Server, photos_dir: Path) -> None:
    make_album(photos_dir, some_files())
    whole = get(server.port, TARGET).content
    with connected(server.port) as connection:
        for start in range(0, 50, 10):
            connection.send("GET", TARGET, f"Range: bytes={start}-1500000")
        for start in range(0, 50, 10):
            assert connection.receive().content == whole[start:1500001]


def test_many_downloads_at_once_are_all_right(server: Server, photos_dir: Path) -> None:
    make_album(photos_dir, some_files())

    async def download_all() -> list[bytes]:
        async def one(session: ClientSession) -> bytes:
            async with session.get(f"http://127.0.0.1:{server.port}{TARGET}") as response:
                return await response.read()

        async with ClientSession() as session:
            return await asyncio.gather(*(one(session) for _ in range(16)))

    archives = asyncio.run(download_all())
    assert len(set(archives)) == 1
    assert_holds(archives[0], some_files())


def test_a_second_download_reads_no_byte_of_a_large_file(
    server: Server, photos_dir: Path, tmp_path: Path
) -> None:
    album = settle(make_long_album(photos_dir))
    whole = get(server.port, TARGET).content
    with traced(server.pid, tmp_path / "trace", "sendfile", *READS) as trace:
        assert get(server.port, TARGET).content == whole
    for name, data in some_files().items():
        calls = trace.of(album / name)
        sent = sum(call.result for call in calls if call.name == "sendfile" and call.result > 0)
        read = [call.result for call in calls if call.name in READS and call.result > 0]
        if len(data) < LARGE_FILE_BYTES:
            assert sent == 0
            assert sum(read) == len(data)
        else:
            assert sent == len(data)
            # Single bytes, to ask what is in memory: RWF_NOWAIT.
            assert set(read) <= {1}
            assert sum(read) <= len(data) / (64 * 1024)


def test_a_cold_file_is_waited_for_in_a_thread(
    server: Server, photos_dir: Path, tmp_path: Path
) -> None:
    album = settle(make_long_album(photos_dir))
    whole = get(server.port, TARGET).content
    evict(album / "5.bin")
    with traced(server.pid, tmp_path / "trace", "sendfile") as trace:
        assert get(server.port, TARGET).content == whole
    calls = trace.of(album / "5.bin")
    waited_in = {call.thread for call in calls if is_to_nowhere(call)}
    assert waited_in
    assert server.pid not in waited_in
    assert {call.thread for call in calls if not is_to_nowhere(call)} == {server.pid}


def is_to_nowhere(call: Call) -> bool:
    """Return whether a call reads data into memory, and sends it to nobody."""
    return "</dev/null>" in call.arguments


def test_no_inotify_instance_is_closed_behind_a_download(
    server: Server, photos_dir: Path, tmp_path: Path
) -> None:
    settle(make_album(photos_dir, {"1.bin": noise(LARGE_BYTES)}))
    with traced(server.pid, tmp_path / "trace", "close", "inotify_rm_watch") as trace:
        assert get(server.port, TARGET).status == 200
        eventually(lambda: "inotify_rm_watch" in of_inotify(trace))
        eventually(lambda: watches(server.pid) == 0)
    assert of_inotify(trace) == {"inotify_rm_watch"}


def of_inotify(trace: Trace) -> set[str]:
    """Return the names of the calls with an inotify descriptor."""
    return {call.name for call in trace.calls if f"<{INOTIFY}>" in call.arguments}


def test_behind_a_cold_file_the_disk_reads_the_files_of_later_batches(
    server: Server, photos_dir: Path, tmp_path: Path
) -> None:
    numbers = range(most_held_bytes() // (4 * MEBIBYTE) + 8)  # the first are sent by `sendfile`
    files = {f"{number:02}.bin": noise(4 * MEBIBYTE, seed=number) for number in numbers}
    album = settle(make_album(photos_dir, files))
    whole = get(server.port, TARGET).content

    def read_ahead(trace_name: str) -> list[int]:
        """Return the files that were read into memory before the one in front was sent."""
        with traced(server.pid, tmp_path / trace_name, "sendfile") as trace:
            assert get(server.port, TARGET).content == whole
        read: set[int] = set()
        found: list[int] = []
        for call in (each for each in trace.calls if each.name == "sendfile"):
            number = next(n for n in numbers if f"/{n:02}.bin>" in call.arguments)
            if is_to_nowhere(call):
                read.add(number)
            elif number + 1 in read:
                found.append(number + 1)
        return found

    assert not read_ahead("warm")
    for name in files:
        evict(album / name)
    assert read_ahead("cold")


def test_a_header_does_not_wait_for_the_disk(photos_dir: Path, tmp_path: Path) -> None:
    names = ("1.bin", "2.bin")
    settle(make_album(photos_dir, {name: noise(LARGE_BYTES) for name in names}))
    mount_point = tmp_path / "mounted"
    with gated(photos_dir, mount_point) as fs, serving(mount_point, tmp_path) as server:
        whole = get(server.port, TARGET).content
        fs.hold("read", f"{HASH}/{names[1]}")
        with connected(server.port) as connection:
            connection.send("GET", TARGET)
            connection.receive_head()
            begun = connection.receive_content(LARGE_BYTES + 2 * (30 + len(names[0])))
            fs.wait_held()
            fs.clear()
            assert begun + connection.receive_content(len(whole) - len(begun)) == whole


def test_a_download_goes_on_where_another_process_stopped(photos_dir: Path, tmp_path: Path) -> None:
    make_album(photos_dir, some_files())

    def fresh(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    with serving(photos_dir, fresh("one")) as one:
        head = get(one.port, TARGET, "Range: bytes=0-0")
        half = int(head["content-range"].rpartition("/")[2]) // 2
        with connected(one.port) as connection:
            connection.send("GET", TARGET)
            connection.receive_head()
            begun = connection.receive_content(half)
    with serving(photos_dir, fresh("two")) as two:
        rest = get(two.port, TARGET, f"Range: bytes={half}-", f"If-Range: {head['etag']}")
        assert rest.status == 206
        assert rest["etag"] == head["etag"]
        assert_holds(begun + rest.content, some_files())
    with serving(photos_dir, fresh("three")) as three:
        assert get(three.port, TARGET).content == begun + rest.content


def test_an_album_of_many_files_takes_little_memory(server: Server, photos_dir: Path) -> None:
    many_files(photos_dir, 20_000)
    assert_all_are_there(server, 20_000)
    assert server.peak_memory_bytes() < MEMORY_LIMIT_BYTES


@pytest.mark.slow
def test_an_album_of_very_many_files_takes_little_memory(server: Server, photos_dir: Path) -> None:
    many_files(photos_dir, 200_000)
    assert_all_are_there(server, 200_000)
    assert_all_are_there(server, 200_000)
    assert server.peak_memory_bytes() < MEMORY_LIMIT_BYTES


CONTENT = b"as good as a photograph"


def many_files(photos_dir: Path, count: int) -> None:
    """Make files in directories of 1000; those of a directory are links to one, which is quick."""
    for thousand in range(count // 1000):
        directory = photos_dir / HASH / f"{thousand:03d}"
        first = directory / "a photograph 000.jpg"
        directory.mkdir(parents=True)
        first.write_bytes(CONTENT)
        for number in range(1, 1000):
            os.link(first, directory / f"a photograph {number:03d}.jpg")


def assert_all_are_there(server: Server, count: int) -> None:
    with zipfile.ZipFile(io.BytesIO(get(server.port, TARGET).content)) as archive:
        names = archive.namelist()
        assert len(set(names)) == count
        for name in names[:: count // 100]:
            assert archive.read(name) == CONTENT


def test_memory_does_not_grow_with_the_size_of_a_file(server: Server, photos_dir: Path) -> None:
    make_sparse(photos_dir / HASH / "5 GB.bin", 5_000_000_000)
    make_sparse(photos_dir / HASH / "small.bin", 1)
    get(server.port, f"{TARGET}?file=small.bin")
    before = server.peak_memory_bytes()
    length = 100 * MEBIBYTE
    with connected(server.port) as connection:
        connection.send("GET", TARGET, f"Range: bytes=2500000000-{2500000000 + length - 1}")
        assert connection.receive_head()[0] == 206
        for _ in range(100):
            assert connection.receive_content(MEBIBYTE).count(0) == MEBIBYTE
    assert server.peak_memory_bytes() < before + 40 * MEBIBYTE


def test_a_slow_client_holds_one_file_open(server: Server, photos_dir: Path) -> None:
    """It may hold it for hours; `PER_DOWNLOAD` counts one."""
    for number in range(6):
        path = make_sparse(photos_dir / HASH / f"{number}.bin", 5 * MEBIBYTE)
    settle(path.parent)
    get(server.port, TARGET)
    with begun(server.port, TARGET) as (connection, _):
        connection.receive_content(1000)
        held = [name for name in open_files(server.pid) if name.startswith(f"{path.parent}/")]
    assert len(held) == 1


def test_a_range_of_a_large_files_middle_hashes_nothing(
    server: Server, photos_dir: Path, tmp_path: Path
) -> None:
    path = make_sparse(photos_dir / HASH / "5 GB.bin", 5_000_000_000)
    get(server.port, f"{TARGET}manifest.json")
    with traced(server.pid, tmp_path / "trace", *READS) as trace:
        part = get(server.port, TARGET, "Range: bytes=2500000000-2500999999")
        assert part.content == bytes(1_000_000)
    # The span itself once, as it is in no memory yet, and what the system was asked of it.
    assert sum(call.result for call in trace.of(path)) < 2 * len(part.content)


# In this process: connections that a server on TCP doesn't have


def interruptions(happened: list[Event]) -> list[str]:
    return [event.reason for event in happened if isinstance(event, DownloadInterrupted)]


def test_where_the_kernel_does_not_tell_of_progress_a_stalled_client_is_cut_too(
    photos_dir: Path, tmp_path: Path
) -> None:
    """A Unix socket reports nothing of its peer, so each piece has its time."""
    happened: list[Event] = []
    make_sparse(photos_dir / HASH / "a.bin", 50_000_000)
    path = str(tmp_path / "s")

    async def stall() -> None:
        app = app_over(photos_dir, happened.append, stall_timeout_s=0.3)
        async with listening(app, lambda runner: web.UnixSite(runner, path)):
            reader, writer = await asyncio.open_unix_connection(path, limit=1000)
            writer.write(f"GET {TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.to_thread(eventually, lambda: interruptions(happened))
            await asyncio.to_thread(eventually, lambda: not _opened(photos_dir))
            assert len(await reader.read()) < 50_000_000
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    asyncio.run(asyncio.wait_for(stall(), 120))
    assert interruptions(happened) == ["stalled"]


def _opened(directory: Path) -> bool:
    for link in Path("/proc/self/fd").iterdir():
        try:
            if os.readlink(link).startswith(f"{directory}/"):
                return True
        except FileNotFoundError:
            continue
    return False


@pytest.mark.parametrize("sent", [b"", b"GET /archive/", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
def test_who_asks_for_nothing_or_half_a_thing_is_let_go(photos_dir: Path, sent: bytes) -> None:
    async def wait() -> bytes:
        app = app_over(photos_dir, ignore)
        async with listening(app, times=ConnectionTimes(idle_s=0.2)) as runner:
            reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
            writer.write(sent)
            try:
                return await reader.read()
            finally:
                writer.close()
                await writer.wait_closed()

    assert asyncio.run(asyncio.wait_for(wait(), 120)) == b""


def test_over_a_unix_socket_the_bytes_are_the_same(
    server: Server, photos_dir: Path, tmp_path: Path
) -> None:
    make_album(photos_dir, some_files())
    whole = get(server.port, TARGET).content
    path = str(tmp_path / "s")

    async def download() -> bytes:
        async with (
            listening(app_over(photos_dir, ignore), lambda runner: web.UnixSite(runner, path)),
            ClientSession(connector=UnixConnector(path)) as session,
            session.get(f"http://localhost{TARGET}") as response,
        ):
            return await response.read()

    assert asyncio.run(download()) == whole


async def answer_of(
    tmp_path: Path,
    send: Callable[[Transfer], Awaitable[object]],
    length: int,
    *,
    begin: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> bytes:
    """Return the body of an answer that a transfer sends on a Unix socket."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": f"{length}"})
        async with AsyncExitStack() as stack:
            with begin():
                transfer = await stack.enter_async_context(
                    Transfer(request, response, stall_timeout_s=60)
                )
            await send(transfer)
        return response

    app = web.Application()
    app.router.add_get("/", handler)
    path = str(tmp_path / "s")
    async with (
        listening(app, lambda runner: web.UnixSite(runner, path)),
        ClientSession(connector=UnixConnector(path)) as session,
        session.get("http://localhost/") as response,
    ):
        return await response.read()


async def send_all(transfer: Transfer, chunk: Chunk) -> None:
    if transfer.begin(chunk):
        await transfer.finish()


def file_without_sendfile() -> Path:
    """Return a file that can be read but that the kernel doesn't send."""
    with open(os.devnull, "wb") as sink:
        for path in map(Path, ("/proc/self/smaps_rollup", "/proc/self/maps", "/proc/self/status")):
            try:
                with path.open("rb") as file:
                    os.sendfile(sink.fileno(), file.fileno(), 0, 10)
            except FileNotFoundError:
                continue
            except OSError:
                return path
    pytest.skip("the kernel sends every file there is")


def test_a_file_that_the_kernel_does_not_send_is_copied(tmp_path: Path) -> None:
    path = file_without_sendfile()
    with open(path, "rb", buffering=0) as file:

        async def send(transfer: Transfer) -> None:
            await send_all(transfer, FileSpan(file, 0, 100))

        assert asyncio.run(answer_of(tmp_path, send, 100)) == path.read_bytes()[:100]


@contextmanager
def no_descriptor_to_be_had() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_a_descriptor_left_the_answer_is_whole_all_the_same(tmp_path: Path) -> None:
    data = noise(3 * LARGE_BYTES)
    (tmp_path / "file").write_bytes(data)
    with open(tmp_path / "file", "rb", buffering=0) as file:

        async def send(transfer: Transfer) -> None:
            await send_all(transfer, memoryview(data))
            await send_all(transfer, FileSpan(file, 0, len(data)))

        answer = answer_of(tmp_path, send, 2 * len(data), begin=no_descriptor_to_be_had)
        assert asyncio.run(answer) == data * 2


def test_a_span_longer_than_its_file_is_not_sent_for_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(noise(1000))
    raised: list[BaseException] = []
    with open(tmp_path / "file", "rb", buffering=0) as file:

        async def send(transfer: Transfer) -> None:
            try:
                await send_all(transfer, FileSpan(file, 0, 1001))
            except SourceChanged as error:
                raised.append(error)
                raise

        with pytest.raises(ClientPayloadError):
            asyncio.run(answer_of(tmp_path, send, 1001))
    assert [error.reason for error in raised if isinstance(error, SourceChanged)] == ["resized"]


def test_a_file_that_can_not_be_read_is_the_servers_fault(tmp_path: Path) -> None:
    """A directory's descriptor stands for a disk that fails: every read is an error."""
    raised: list[BaseException] = []
    descriptor = os.open(tmp_path, os.O_RDONLY)

    class Unreadable(io.FileIO):
        def fileno(self) -> int:
            return descriptor

    try:
        with open(os.devnull, "rb") as null, Unreadable(null.fileno(), closefd=False) as file:

            async def send(transfer: Transfer) -> None:
                try:
                    await send_all(transfer, FileSpan(file, 0, 10))
                except SourceUnreadable as error:
                    raised.append(error)
                    raise

            with pytest.raises(ClientPayloadError):
                asyncio.run(answer_of(tmp_path, send, 10))
    finally:
        os.close(descriptor)
    assert [error.reason for error in raised if isinstance(error, SourceUnreadable)] == ["EISDIR"]
