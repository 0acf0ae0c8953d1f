"""Fuzz the parsers of outside bytes, guided by coverage (atheris, libFuzzer).

    python tests/fuzz/run.py [--seconds 60] [TARGET ...]

Each target runs in a process of its own; an input that breaks a promise is left in the working
directory as crash-*, and the exit status is 1.  `pip install atheris` comes first: it has wheels
for Linux on x86-64.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from datetime import timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(include=["archive_service"]):
    from archive_service.archive.errors import BadQuery
    from archive_service.archive.id import ArchiveId, InvalidArchiveId
    from archive_service.archive.naming import NameRules, archive_names, original_name
    from archive_service.archive.zip.dos_time import dos_times
    from archive_service.http.conditional import Validators
    from archive_service.http.content_disposition import content_disposition
    from archive_service.http.http_date import http_date, parse_http_date
    from archive_service.http.negotiation import preferred
    from archive_service.http.ranges import parse_range
    from archive_service.http.request_fields import RequestFields
    from archive_service.http.response_plan import SelectedRepresentation, plan
    from archive_service.web.query import parse_query

from yarl import URL

NOW_S = 1_700_000_000
LENGTH = 5000
TARGET = SelectedRepresentation(
    LENGTH, "application/zip", Validators('"tag"', NOW_S - 9, date_is_strong=True)
)
FIELDS = (
    *("range", "if-range", "if-match", "if-none-match", "if-modified-since"),
    *("if-unmodified-since", "x"),
)
ENCODINGS = ("cp1251", "cp866", "latin-1", "shift_jis")


def text(data: bytes) -> str:
    """Return bytes as aiohttp gives them to a handler."""
    return data.decode("utf-8", "surrogateescape")


def ranges(data: bytes) -> None:
    """Any Range: ignored, or disjoint ranges within the archive."""
    found = parse_range(text(data), LENGTH)
    positions = sorted((one.start, one.stop) for one in found or ())
    last = 0
    for start, stop in positions:
        assert last <= start < stop <= LENGTH
        last = stop


def conditions(data: bytes) -> None:
    """Any fields: a plan that declares what it sends."""
    lines = [(FIELDS[line[0] % len(FIELDS)], text(line[1:])) for line in data.split(b"\n") if line]
    answer = plan(RequestFields.of("GET", lines), TARGET, now_s=NOW_S)
    assert answer.status in {200, 206, 304, 412, 416}
    declared = dict(answer.fields).get("Content-Length")
    assert declared == (str(answer.content_length) if answer.body else None)


def dates(data: bytes) -> None:
    """Any date: none, or a moment that can be printed and is read back."""
    moment_s = parse_http_date(text(data), NOW_S)
    if moment_s is not None and moment_s < 253_402_300_800:  # a leap second may end the year 9999
        assert parse_http_date(http_date(moment_s), NOW_S) == moment_s
    dos_times([int.from_bytes(data[:9], "little", signed=True)], timezone.utc)


def names(data: bytes) -> None:
    """Any file names: safe, unique, of the shape of their paths."""
    if not data:
        return
    rules = NameRules(bool(data[0] & 1), ENCODINGS[data[0] // 2 % len(ENCODINGS)])
    parts = data[1:].split(b"\0")
    paths = list({part.replace(b"//", b"/").strip(b"/") for part in parts} - {b""})
    if any(b"//" in path for path in paths):
        return
    found = archive_names(paths, rules)
    assert len(set(found)) == len(paths)
    for path, name in zip(paths, found, strict=True):
        components = name.split(b"/")
        assert len(components) == path.count(b"/") + 1
        assert not {b"", b".", b".."} & set(components)
        assert b"\\" not in name
        name.decode()
        original_name(path, rules).encode()


def ids(data: bytes) -> None:
    """Any id: refused, or one visible component of a path that printing does not give away."""
    try:
        archive = ArchiveId.parse(text(data))
    except InvalidArchiveId:
        return
    assert archive.value.isascii()
    assert not archive.value.startswith(".")
    assert not set("/\\%\0") & set(archive.value)
    assert archive.value not in str(archive)


def queries(data: bytes) -> None:
    """Any query: refused, or a name for Content-Disposition and files."""
    try:
        url = URL(f"http://localhost/?{data.decode('latin-1')}", encoded=True)
    except ValueError:  # such a request line reaches no handler
        return
    try:
        read = parse_query(url.raw_query_string)
    except BadQuery:
        return
    assert all(read.files)
    if read.download_name is not None:
        field = content_disposition(read.download_name)
        assert field.isascii()
        assert field.isprintable()


def preferences(data: bytes) -> None:
    """Any Accept or Accept-Language: one of what there is."""
    for offers in (("ru", "en"), ("text/html", "application/json")):
        assert preferred(text(data), offers) in offers


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (ranges, conditions, dates, names, ids, queries)
} | {"preferences": preferences}
SEEDS: dict[str, tuple[bytes, ...]] = {
    "ranges": (b"bytes=0-0,-1,99-", b"bytes=4999-5000, 0-4998"),
    "conditions": (b'\0bytes=1-2\n\x01"tag"\n\x02*\n\x03W/"a", "tag"',),
    "dates": (
        *(b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT"),
        b"Sun Nov  6 08:49:37 1994",
    ),
    "names": (b"\0a/B.jpg\0a/b.JPG\0CON.txt\0x. ", b"\x01..\0C:\0\xd4\xee\xf2\xee"),
    "ids": (b"0123456789abcdef0123456789abcdef",),
    "queries": (b"name=%D0%9B%D0%B5%D1%82%D0%BE&file=a%2Fb&file=c+d",),
    "preferences": (b"ru;q=0.5, en-GB;q=0.8, *;q=0", b"text/*;q=.3, application/json"),
}


def fuzz(target: str, seconds: int) -> None:
    """Run one target in this process until its time is over, from its seeds on."""
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[target]):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-verbosity=1", corpus]
        atheris.Setup([target, *options], TARGETS[target])
        atheris.Fuzz()


def main() -> int:
    """Run targets one after the other; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], metavar="TARGET")
    arguments = parser.parse_args()
    if arguments.here:
        fuzz(arguments.targets[0], arguments.seconds)
    command = [sys.executable, __file__, "--here", "--seconds", str(arguments.seconds)]
    failed = [
        target
        for target in arguments.targets or TARGETS
        if subprocess.run([*command, target], check=False).returncode
    ]
    print(f"failed: {', '.join(failed)}" if failed else "no promise was broken")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
