"""The command `main.py`: packs files into a zip, in a file or on standard output.

Exit statuses: 0 packed; 1 given up half-way; 2 refused before anything was written; 128 plus the
number of the signal that ended it, as in a shell.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

from archive_service.archive.errors import (
    DownloadFailed,
    SourceUnreadable,
    StorageUnavailable,
)
from archive_service.archive.layout import ArchiveLayout, lay_out
from archive_service.archive.naming import NameRules
from archive_service.cli.arguments import AsWritten, OneLineParser, add_settings, given_settings
from archive_service.cli.console import (
    FAILURE,
    SIGNALLED,
    USAGE_ERROR,
    complain,
    printable,
    refusing_wrong_settings,
)
from archive_service.cli.packing.archive_writer import (
    BUFFERED_FILE_BYTES,
    ArchiveWriter,
    FileWriter,
    StreamWriter,
)
from archive_service.cli.packing.pack_errors import (
    PackingError,
    PackingFailed,
    PackingRefused,
)
from archive_service.cli.packing.progress_bar import progress_bar
from archive_service.cli.packing.saved_file import Identity, find_target, replacing
from archive_service.cli.packing.sources import Sources, collect, packed_names
from archive_service.config.environment import load_group
from archive_service.config.groups.format_settings import FormatSettings
from archive_service.config.values import zone_of
from archive_service.storage.concurrency import InFlight, InFlights
from archive_service.storage.local.album_files import AlbumPlace, LocalAlbumFiles

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STANDARD_OUTPUT = 1
_STANDARD_OUTPUT_SIGN = "-"
_STANDARD_OUTPUT_NAME = b"standard output"
_ADVICE = {
    errno.ENOSPC: "make room, or save elsewhere",
    errno.EDQUOT: "make room, or save elsewhere",
    errno.EFBIG: "save where larger files are allowed",
    errno.EACCES: "save where you may write",
    errno.EROFS: "save where you may write",
}
_EPILOG = """\
names:
  A file is packed under its base name, a directory under its base name with
  everything below it: hidden files and empty directories, too.
  "." and ".." get the name of the directory they stand for, "/" gets "root".
  If several have one base name, the first keeps it and the next becomes
  "name (2).ext".  What is given twice is packed once.
  A link among the FILEs is followed.  Links and special files inside
  directories are left out, and so is the archive itself; each is reported.

output:
  The file NAME is replaced once the new archive is complete, or not at all.
  A file that changes while it is being packed is an error.
  A progress bar is shown if standard error is a terminal.

exit status:
  0  packed
  1  failed while it was being written
  2  refused before anything was written

Each setting is read from its flag, or from the environment variable in
brackets, or from that variable in the file .env, or else is the default.
"""


class _Stopped(BaseException):
    """A signal has asked the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@refusing_wrong_settings
def main(arguments: Sequence[str] | None = None) -> int:
    """Pack what the arguments name; return the exit status."""
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    try:
        with _stopped_by_signals():
            _pack(options, load_group(FormatSettings, given_settings(options, FormatSettings)))
    except PackingError as error:
        complain(f"{printable(error.path)}: {error.reason}")
        return USAGE_ERROR if isinstance(error, PackingRefused) else FAILURE
    except BrokenPipeError:  # the reader has closed its end, as `head` does
        return SIGNALLED + signal.SIGPIPE
    except _Stopped as stopped:
        return SIGNALLED + stopped.number
    return 0


def _parse(arguments: Sequence[str]) -> Namespace:
    """Parse arguments: options may stand between files; all after "--" are files."""
    made = parser()
    # Apart, because parse_intermixed_args loses the "--" and takes what follows it for options.
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = made.parse_intermixed_args(arguments[:end])
    options.files += arguments[end + 1 :]
    if not options.files:
        made.error("name at least one FILE")
    return options


def parser() -> ArgumentParser:
    """Return the parser of the command's arguments."""
    made = OneLineParser(
        description="Pack files and directories into a zip archive, stored without compression.",
        epilog=_EPILOG,
        formatter_class=AsWritten,
    )
    made.add_argument("files", metavar="FILE", nargs="*", help="a file or a directory to pack")
    made.add_argument(
        "--save",
        metavar="NAME",
        help="the file to save the archive to; without it, or with -, the zip goes to standard "
        "output",
    )
    add_settings(made, FormatSettings)
    return made


def _pack(options: Namespace, settings: FormatSettings) -> None:
    with closing(InFlights()) as in_flights:
        in_flight = in_flights.of("named")
        if options.save in (None, _STANDARD_OUTPUT_SIGN):
            sources = _collect(options, in_flight, _standard_output())
            layout = _lay_out(sources, settings)
            with _output_errors_explained(_STANDARD_OUTPUT_NAME):
                _write(StreamWriter, _STANDARD_OUTPUT, sources, layout, in_flight)
            return
        target = find_target(options.save)
        sources = _collect(options, in_flight, target.identity)
        layout = _lay_out(sources, settings)
        with _output_errors_explained(os.fsencode(options.save)), replacing(target) as output:
            _write(FileWriter, output, sources, layout, in_flight)


def _standard_output() -> Identity | None:
    """Return the identity of standard output if it is a file, which could be packed by mistake.

    Raise PackingRefused for a terminal.
    """
    try:
        status = os.fstat(_STANDARD_OUTPUT)
    except OSError:
        raise PackingRefused(_STANDARD_OUTPUT_NAME, "is closed; add --save NAME") from None
    if os.isatty(_STANDARD_OUTPUT):
        reason = "is a terminal; add --save NAME, or lead it to a file or a pipe"
        raise PackingRefused(_STANDARD_OUTPUT_NAME, reason)
    return Identity.of(status) if stat.S_ISREG(status.st_mode) else None


def _collect(options: Namespace, in_flight: InFlight, output: Identity | None) -> Sources:
    return collect(
        options.files,
        in_flight,
        output=output,
        on_left_out=lambda path, reason: complain(f"{printable(path)}: left out: {reason}"),
    )


def _lay_out(sources: Sources, settings: FormatSettings) -> ArchiveLayout:
    names = packed_names(sources, NameRules(settings.portable_names, settings.name_encoding))
    try:
        return lay_out(
            sources.listing,
            names,
            sources.listing.sources(),
            zone=zone_of(settings.timezone),
            large_file_bytes=BUFFERED_FILE_BYTES,
        )
    except StorageUnavailable as error:
        raise PackingRefused(sources.roots[0].given, f"can't be packed: {error.reason}") from None


def _write(
    writer: type[ArchiveWriter],
    output: int,
    sources: Sources,
    layout: ArchiveLayout,
    in_flight: InFlight,
) -> None:
    place = AlbumPlace(Path("/"))
    open_files = partial(LocalAlbumFiles, place, sources.listing, in_flight=in_flight)
    try:
        with progress_bar(writer.work_bytes(layout)) as on_progress:
            writer(layout, open_files, output, on_progress=on_progress).write()
    except DownloadFailed as failed:
        if failed.source is None:
            raise
        raise PackingFailed(sources.given(failed.source), _explanation(failed)) from None


def _explanation(error: DownloadFailed) -> str:
    if isinstance(error, SourceUnreadable):
        return f"can't be read: {os.strerror(getattr(errno, error.reason))}"
    return f"{error.reason} while it was being packed; try again when it is at rest"


@contextmanager
def _output_errors_explained(output: bytes) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "save elsewhere")
        raise PackingFailed(output, f"can't be written: {error.strerror}; {advice}") from None


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Turn the first signal that asks to end into an exception; ignore the rest of them."""

    def stop(number: int, _frame: FrameType | None) -> None:
        # A second signal must not interrupt the removal of files.
        for handled in previous:
            signal.signal(handled, signal.SIG_IGN)
        raise _Stopped(number)

    # Ignored signals stay ignored: nohup and shells ignore them for their children.
    heeded = [number for number in _STOPPING if signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, stop) for number in heeded}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
