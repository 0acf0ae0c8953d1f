"""The console command `archive-service`, which runs the other commands."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module

from archive_service.cli.arguments import AsWritten, OneLineParser
from archive_service.cli.console import COMMAND, quiet_on_closed_pipe

SUBCOMMANDS = {
    "serve": "serve archives; server.py does the same",
    "pack": "pack files into a zip archive; main.py does the same",
    "index": "fill, verify or prune the index of checksums",
    "link": "print a signed link, which expires",
    "list": "show what a list of files holds, or write one",
    "check": "check the set-up of the service here, and say what to do",
}

_LEAN_AIOHTTP = {
    # OpenSSL's variable: SSL_CTX_set_default_verify_paths(3).  aiohttp reads the certificates of
    # the system twice, for a client of its own: a tenth of a start, and two megabytes.
    "SSL_CERT_FILE": os.devnull,
    # Compiled, the lists of an application's hooks bring the library of C++: a megabyte.
    "FROZENLIST_NO_EXTENSIONS": "1",
}
"""Variables that spare what nothing here uses of aiohttp, while it is imported."""
_NOTHING = (0, 0, 0)
_NEW_OBJECTS_ALONE = 700, 10, 1_000_000
"""Thresholds: what the garbage collector searches.  Of what the service imports, half a megabyte is
garbage, because a dataclass with slots is made twice."""


@quiet_on_closed_pipe
def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = _parser().parse_args(given[:1]).subcommand
    # The messages of a subcommand begin with both names.
    sys.argv[:] = [f"{COMMAND} {name}", *given[1:]]
    return run(name)


def run(name: str) -> int:
    """Run a subcommand with the arguments of this process; return its exit status.

    Only that subcommand is imported: printing a link must not take as long as starting the service.
    The garbage collector does not search the imported modules, which took a fifth of a start.
    """
    usual = gc.get_threshold()
    gc.set_threshold(*(_NEW_OBJECTS_ALONE if name == "serve" else _NOTHING))
    if name == "serve":
        with _with_variables(_LEAN_AIOHTTP), _without_file_types():
            import_module("aiohttp.web")
    subcommand = import_module(f"archive_service.cli.{name}")
    gc.freeze()
    gc.set_threshold(*usual)
    return int(subcommand.main())


@contextmanager
def _without_file_types() -> Iterator[None]:
    """Have no table of file types read from the system: aiohttp has one for answers with files."""
    import mimetypes  # noqa: PLC0415 - only aiohttp needs it

    known, mimetypes.knownfiles = mimetypes.knownfiles, []
    try:
        yield
    finally:
        mimetypes.knownfiles = known


@contextmanager
def _with_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for a while."""
    given = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in given.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=COMMAND,
        description="Directories of a site as zip archives, packed on the fly.",
        epilog="subcommands, each of which explains its parameters with -h:\n"
        + "\n".join(f"  {name:<7}{does}" for name, does in SUBCOMMANDS.items()),
        formatter_class=AsWritten,
    )
    parser.add_argument("--version", action="version", version=f"{_version()}\n")
    parser.add_argument(
        "subcommand", choices=SUBCOMMANDS, metavar="SUBCOMMAND", help="one of those below"
    )
    return parser


def _version() -> str:
    # Imported for --version alone: it takes a tenth of the time that a link takes.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version(COMMAND)
    except PackageNotFoundError:  # not installed, as in the image
        return "unknown"
