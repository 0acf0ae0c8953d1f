"""Files that were sent by reference, until their bytes have been read.

Theory of operation.  `sendfile` copies nothing: until the client reads them, the bytes in a
connection are pages of the file, and whoever writes into the file in place changes them.  They wait
in the socket of this process and, if the client or a front server runs on this machine, in its
socket, too, where no system call counts them.  A front server that uses `splice` hands the pages
on without reading them, so they also wait in its pipe and in a second connection.  But all these
buffers are bounded.  Once the connection has taken so many bytes more, what came before has been
read.

So the last bytes of an answer are copied, as many as the buffers hold.  A file stays open until so
many bytes have followed it; then it is verified once more.  All are before the last byte of the
answer is sent.
"""

from __future__ import annotations

import resource
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from threading import Semaphore
from typing import NamedTuple

from archive_service.storage.base import DiskFile
from archive_service.transfer.batches import OpenData
from archive_service.transfer.file_span import Chunk

KEPT_BACK_BYTES = 1
"""Bytes that are sent only after all files are verified.  Otherwise no byte would be left to
withhold, and the client would take the range as complete."""
_SYSCTLS = Path("/proc/sys")
_UNKNOWN_BYTES = 8 * 1024 * 1024
"""Assumed for a buffer whose limit the system does not report, as other systems than Linux."""
_EXCEEDED_BYTES = 1024 * 1024
"""A buffer takes one packet more than it has room for, of up to 512 KiB."""
_CONNECTIONS = 2
"""One to the front server and one behind it: the pages of a file may wait in both."""
_PIPE_BYTES = 1024 * 1024
"""The default of the largest pipe that a program may have without a privilege."""
_MOST_OPEN = 4096
_OPEN_PART = 16
"""The part of a process's descriptors for them; most are for connections."""


class ReferenceLimits(NamedTuple):
    """What may be sent by reference, the same for all downloads of a process."""

    held_bytes: int
    """The most bytes of an answer that the kernel holds unread."""
    room: Semaphore
    """For open files."""

    @classmethod
    def of_system(cls) -> ReferenceLimits:
        """Return the limits on this machine."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most_open = _MOST_OPEN
        if descriptors != resource.RLIM_INFINITY:
            most_open = min(descriptors // _OPEN_PART, _MOST_OPEN)
        return cls(most_held_bytes(), Semaphore(most_open))


class ReferencedFile(NamedTuple):
    """An open file of which an answer has sent bytes by reference."""

    data: OpenData
    stop: int
    """Where in the archive the last of them ends."""
    room: Semaphore

    def close(self) -> None:
        """Close the file."""
        self.data.file.close()
        self.room.release()


class ReferencedFiles:
    """The files that an answer has sent by reference; for one event loop, which closes them.

    `stop` is where in the archive the answer ends.
    """

    def __init__(self, limits: ReferenceLimits, stop: int) -> None:
        self.stop = stop
        self._held_bytes = limits.held_bytes
        self._last_stop = stop - KEPT_BACK_BYTES - limits.held_bytes
        self._room = limits.room
        self._files: list[ReferencedFile] = []  # an empty deque takes 600 bytes

    def may_follow(self, position: int) -> bool:
        """Return whether bytes behind a position may be sent by reference."""
        return position < self._last_stop

    def take(self, data: OpenData, stop: int) -> bool:
        """Keep a file open of which bytes are sent by reference, up to `stop` in the archive.

        Return False if they have to be copied: they end too near to the end of the answer, the file
        is not prompt, or there is no descriptor to spare.
        """
        file = data.file
        if stop > self._last_stop or not (isinstance(file, DiskFile) and file.is_prompt):
            return False
        if self._files and self._files[-1].data.segment is data.segment:
            self._files[-1] = self._files[-1]._replace(stop=stop)
            return True
        if not self._room.acquire(blocking=False):
            return False
        file.share()
        self._files.append(ReferencedFile(data, stop, self._room))
        return True

    def read_before(self, position: int) -> Iterator[ReferencedFile]:
        """Yield the files whose bytes have been read once those before a position are sent.

        The caller closes them.
        """
        while self._files and self._files[0].stop + self._held_bytes <= position:
            yield self._files.pop(0)

    def close(self) -> None:
        """Close all that were not yielded."""
        while self._files:
            self._files.pop(0).close()


async def verified_when_read(
    chunks: AsyncGenerator[Chunk, None],
    referenced: ReferencedFiles,
    verify: Callable[[ReferencedFile], Awaitable[None]],
    *,
    start: int,
    stop: int,
) -> AsyncGenerator[Chunk, None]:
    """Yield chunks from `start` up to `stop`; verify each referenced file once it has been read.

    All are verified before the last byte: without it no client takes the answer for whole.
    """
    position = start
    with closing(referenced):
        async with aclosing(chunks):
            async for chunk in chunks:
                for part in _with_last_byte_apart(chunk, stop - position):
                    yield part
                    position += len(part)
                    for file in referenced.read_before(position):
                        await verify(file)


def _with_last_byte_apart(chunk: Chunk, left: int) -> tuple[Chunk, ...]:
    is_last = len(chunk) == left > KEPT_BACK_BYTES
    if is_last and isinstance(chunk, memoryview):
        return chunk[:-KEPT_BACK_BYTES], chunk[-KEPT_BACK_BYTES:]
    return (chunk,)


def most_held_bytes(sysctls: Path = _SYSCTLS) -> int:
    """Return the most bytes of an answer that can be sent and not read.

    They are those of two connections, and of the pipe of a front server that joins them.
    """
    pipe_bytes = max(_numbers(sysctls / "fs/pipe-max-size"), default=_PIPE_BYTES)
    return _CONNECTIONS * most_bytes_of_connection(sysctls) + pipe_bytes


def most_bytes_of_connection(sysctls: Path = _SYSCTLS) -> int:
    """Return the most bytes that wait in both sockets of a connection.

    The reader counts as one of this machine: on another, bytes are held by that machine alone.
    The kernel doubles what a program asks for by SO_RCVBUF.
    """
    sending = _numbers(sysctls / "net/ipv4/tcp_wmem")
    receiving = _numbers(sysctls / "net/ipv4/tcp_rmem")
    asked_for = [2 * limit for limit in _numbers(sysctls / "net/core/rmem_max")]
    return (
        max(sending, default=_UNKNOWN_BYTES)
        + max([*receiving, *asked_for], default=_UNKNOWN_BYTES)
        + _EXCEEDED_BYTES
    )


def _numbers(path: Path) -> Sequence[int]:
    try:
        return [int(word) for word in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []
