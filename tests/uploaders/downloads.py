"""Programs that fetch into an album, each from a server that sends half of what it is asked for."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.conditions import eventually
from harness.readers import need
from uploaders.node import node
from uploaders.programs import WITHIN_S, Stopped, Upload, Uploader
from uploaders.relay import installed

_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")


class _Loading:
    """A program that loads a file from a server of this process, which pauses half-way."""

    def __init__(self, program: Stopped, more: threading.Event) -> None:
        self._program = program
        self._more = more

    def go_on(self) -> None:
        self._more.set()
        self._program.go_on()

    def kill(self) -> None:
        self._program.kill()


@contextmanager
def _loading(
    command: Callable[[str, Path], Sequence[str | Path]], source: Path, target: Path
) -> Iterator[Upload]:
    before = set(target.parent.iterdir())
    more, has_begun = threading.Event(), threading.Event()
    handler = partial(_HalfWay, source.read_bytes(), more, has_begun)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    program = Stopped(command(f"http://127.0.0.1:{server.server_port}/1.jpg", target))
    try:
        assert has_begun.wait(WITHIN_S)
        eventually(lambda: set(target.parent.iterdir()) - before, within_s=WITHIN_S)
        yield _Loading(program, more)
    finally:
        program.kill()
        more.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _HalfWay(BaseHTTPRequestHandler):
    def __init__(
        self, data: bytes, more: threading.Event, has_begun: threading.Event, *request: object
    ) -> None:
        self._data, self._more, self._has_begun = data, more, has_begun
        super().__init__(*request)  # type: ignore[arg-type] # what the server gives

    def do_HEAD(self) -> None:
        self._send_head()

    def do_GET(self) -> None:
        data = self._send_head()
        half = len(data) // 2
        with suppress(ConnectionError):
            self.wfile.write(data[:half])
            self.wfile.flush()
            self._has_begun.set()
            self._more.wait(WITHIN_S)
            self.wfile.write(data[half:])

    def _send_head(self) -> bytes:
        """Send the header of an answer; return the bytes that were asked for."""
        whole, asked = len(self._data), _RANGE.fullmatch(self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2]), whole - 1) if asked and asked[2] else whole - 1
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{whole}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Wed, 01 Jan 2020 00:00:00 GMT")
        self.send_header(
            "Content-Type", "video/mp4" if self.path.endswith(".mp4") else "image/jpeg"
        )
        self.send_header("Content-Length", f"{last + 1 - first}")
        self.end_headers()
        return self._data[first : last + 1]

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def aria2c(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Have the whole size at once, and a file with what is there of it beside it."""
    need("aria2c")

    def command(url: str, target: Path) -> Sequence[str | Path]:
        place = [f"--dir={target.parent}", f"--out={target.name}"]
        return ["aria2c", "--no-conf", "--quiet", "--split=1", *place, url]

    return _loading(command, source, target)


def wget(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    need("wget")
    return _loading(lambda url, target: ["wget", "-q", "-O", target, url], source, target)


def curl(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    need("curl")
    return _loading(lambda url, target: ["curl", "-sS", "-o", target, url], source, target)


def lftp_pget(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Have the whole size soon, with holes, and `.lftp-pget-status` beside the file."""
    need("lftp")

    def command(url: str, target: Path) -> Sequence[str | Path]:
        return ["lftp", "--norc", "-c", f"pget -n 3 {url} -o {target}"]

    return _loading(command, source, target)


def axel(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Have the whole size soon, with holes, and `.st` beside the file."""
    need("axel")
    return _loading(
        lambda url, target: ["axel", "-q", "-n", "3", "-o", target, url], source, target
    )


def _from_store(
    program: str, copy: Sequence[str], source: Path, target: Path
) -> AbstractContextManager[Upload]:
    settings = ("AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_REGION=us-east-1")
    by_program = ["env", *settings, "AWS_DEFAULT_REGION=us-east-1", installed(program)]

    def command(url: str, target: Path) -> Sequence[str | Path]:
        endpoint = ("--endpoint-url", url.rpartition("/")[0])
        return [*by_program, *endpoint, *copy, "s3://site/1.jpg", target]

    return _loading(command, source, target)


def aws(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to a name with eight hexadecimal digits behind it, as all that boto3 downloads."""
    return _from_store("aws", ("s3", "cp", "--only-show-errors"), source, target)


def s5cmd(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to a name with up to ten digits behind it, as `os.CreateTemp` of Go makes it."""
    return _from_store("s5cmd", ("cp",), source, target)


def yt_dlp(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to a name that ends in `.part`."""
    program = installed("yt-dlp")

    def command(url: str, target: Path) -> Sequence[str | Path]:
        video = url.replace(".jpg", ".mp4")
        return [program, "-q", "--force-generic-extractor", "-o", target, video]

    return _loading(command, source, target)


def _by_node(package: str, source: Path, target: Path) -> AbstractContextManager[Upload]:
    command = node("fetch.js", package)
    return _loading(lambda url, target: [*command, url, target], source, target)


def easydl(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write pieces to `.$$0$PART`, which become `.$$0`."""
    return _by_node("easydl", source, target)


def nodejs_file_downloader(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to a name that ends in `.download`."""
    return _by_node("nodejs-file-downloader", source, target)


def minio(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to a name that ends in `.part.minio`."""
    return _by_node("minio", source, target)


DOWNLOADERS: Sequence[Uploader] = (
    aria2c,
    wget,
    curl,
    lftp_pget,
    axel,
    aws,
    s5cmd,
    yt_dlp,
    easydl,
    nodejs_file_downloader,
    minio,
)
