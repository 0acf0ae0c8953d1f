"""The command `archive-service list`: shows what a list holds, or writes one.

Exit statuses: 0 all is well; 1 the list can't be sent; 2 an argument or a setting is wrong.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from archive_service.archive.errors import StorageUnavailable
from archive_service.archive.id import ArchiveId, is_archive_id
from archive_service.archive.layout import ArchiveLayout, lay_out
from archive_service.archive.listing import Listing
from archive_service.archive.naming import NameRules, archive_names
from archive_service.cli.arguments import (
    SETTINGS_OF_SERVICE,
    AsWritten,
    OneLineParser,
    add_settings_of_service,
    given_settings,
    hash_argument,
)
from archive_service.cli.console import (
    FAILURE,
    USAGE_ERROR,
    complain,
    printable,
    quiet_on_closed_pipe,
    refusing_wrong_settings,
)
from archive_service.cli.list_lines import LineRules
from archive_service.config.album_storage import storage_of
from archive_service.config.listed_archives import list_place_of
from archive_service.config.settings import Settings, load_settings
from archive_service.config.values import zone_of
from archive_service.storage.file_lists.list_contents import FileList
from archive_service.storage.file_lists.list_model import ListBroken, read_list
from archive_service.storage.file_lists.list_place import SUFFIX, ListTimes
from archive_service.storage.file_lists.merging import resolved

_STDIN = "-"
_EPILOG = f"""\
actions:
  show   print size and name of each file of the archive, or what is wrong;
         takes the HASH of a list in LISTS_DIR, or the path of a list's file
  write  print a list; takes paths below PHOTOS_DIR, those of directories with
         a slash behind them, or reads them from standard input, one a line:
         path, or path, tab and name; the lines of a manifest for nginx's
         mod_zip do as well

{SETTINGS_OF_SERVICE}
exit status:
  0  all is well
  1  the list can't be sent
  2  an argument or a setting is wrong
"""


@quiet_on_closed_pipe
@refusing_wrong_settings
def main(arguments: Sequence[str] | None = None) -> int:
    """Show or write a list; return the exit status."""
    options = parser().parse_mixed(arguments)
    settings = load_settings(given_settings(options, Settings))
    return _write(options, settings) if options.action == "write" else _show(options, settings)


def parser() -> OneLineParser:
    """Return the parser of the command's arguments."""
    made = OneLineParser(
        usage="%(prog)s [-h] [SETTINGS] show LIST\n"
        "       %(prog)s [-h] [SETTINGS] write [OPTIONS] [PATH ...]",
        description="Show what a list of files holds, or write one.",
        epilog=_EPILOG,
        formatter_class=AsWritten,
    )
    made.add_argument("action", choices=("show", "write"), help="what to do; see below")
    made.add_argument(
        "paths",
        metavar="LIST_OR_PATH",
        nargs="*",
        help="a list for show, paths for write; see below",
    )
    _add_options(made)
    add_settings_of_service(made, Settings)
    return made


def _add_options(made: OneLineParser) -> None:
    made.add_argument("--name", help="the file name of the archive, unless its link has one")
    made.add_argument(
        "--skip-missing", action="store_true", help="have the list leave out missing files"
    )
    made.add_argument(
        "--save", metavar="FILE", help="where to write the list, by rename; without it, print it"
    )
    made.add_argument(
        "--hash", type=hash_argument, help="write the list to LISTS_DIR under this hash, by rename"
    )
    made.add_argument(
        "--album", metavar="HASH", type=hash_argument, help="the album that all paths are in"
    )
    made.add_argument(
        "--strip",
        metavar="PREFIX",
        default="",
        help="text to remove from the front of each path",
    )


def _show(options: Namespace, settings: Settings) -> int:
    if len(options.paths) != 1:
        complain("show takes one HASH or file")
        return USAGE_ERROR
    given: str = options.paths[0]
    try:
        content = _content(given, settings)
        found = FileList.of(content)
        listing = _listing(found, settings)
    except ListBroken as error:
        complain(f"{given}: {error}")
        return FAILURE
    except (OSError, StorageUnavailable) as error:
        complain(f"{given}: can't be read ({_reason(error)})")
        return FAILURE
    return _shown(listing, found, settings, given=given)


def _content(given: str, settings: Settings) -> bytes:
    """Return a list's bytes; raise OSError, StorageUnavailable or ListBroken."""
    place = None if "/" in given or given.endswith(SUFFIX) else list_place_of(settings)
    if place is None:
        if is_archive_id(given) and not Path(given).exists():
            raise ListBroken("missing", "there is no such file, and LISTS_DIR is not set")
        return Path(given).read_bytes()
    with closing(place):
        file = place.read(ArchiveId(given), b"") if is_archive_id(given) else None
    if file is None or file.content is None:
        raise ListBroken("missing", f"there is no such list in {settings.lists_dir}")
    return file.content


def _listing(found: FileList, settings: Settings) -> Listing:
    """List the files that a list names; leave out missing ones."""
    with closing(storage_of(settings)) as storage:
        every = replace(found, skips_missing=True)
        return resolved(storage, ArchiveId("list"), every, times=ListTimes(0, 0))


def _shown(listing: Listing, found: FileList, settings: Settings, *, given: str) -> int:
    names = archive_names(listing.paths, NameRules(settings.portable_names, settings.name_encoding))
    zone = zone_of(settings.timezone)
    layout = lay_out(listing, names, listing.sources(), zone=zone)
    for entry in layout.files():
        print(f"{layout.sizes[entry]:>15,}  {printable(layout.names[entry])}")
    missing = listing.listed.missing if listing.listed else ()
    for name in missing:
        complain(f"{given}: {printable(name.encode())}: is missing, or left out of its album")
    print(_summary(layout, len(missing)))
    if missing and not found.skips_missing:
        complain(f'{given}: can\'t be sent; "missing": "skip" would leave out what is missing')
        return FAILURE
    return 0


def _summary(layout: ArchiveLayout, missing: int) -> str:
    return f"files: {layout.file_count:,}, missing: {missing:,}, archive: {len(layout):,} bytes"


def _write(options: Namespace, settings: Settings) -> int:
    lines = options.paths if options.paths and options.paths != [_STDIN] else _lines_of_stdin()
    entries, left_out = _entries(
        lines, LineRules(options.strip, options.album.value if options.album else "")
    )
    written = _text(options, entries)
    try:
        read_list(written.encode())
        _save(written, _target(options, settings))
    except UnicodeEncodeError:
        complain("a list is UTF-8, and these paths or names are not: convert them, as iconv does")
        return USAGE_ERROR
    except ListBroken as error:
        complain(_blamed(error, entries))
        return USAGE_ERROR
    except OSError as error:
        complain(f"the list can't be written ({error.strerror})")
        return FAILURE
    if left_out:
        complain(f"{left_out:,} empty directories are left out: a list has none of its own")
    return 0


def _lines_of_stdin() -> Iterator[str]:
    """Return the lines; what is not UTF-8 in them is kept as surrogates, in every locale."""
    lines = sys.stdin.buffer
    return (line.rstrip(b"\r\n").decode(errors="surrogateescape") for line in lines)


def _entries(lines: Iterable[str], rules: LineRules) -> tuple[list[dict[str, str]], int]:
    """Return the entries of lines, and how many can't be entries."""
    entries: list[dict[str, str]] = []
    left_out = 0
    for line in filter(None, lines):
        entry = rules.entry(line)
        if entry is None:
            left_out += 1
        elif entry.name is None:
            entries.append({"path": entry.path})
        else:
            entries.append({"path": entry.path, "as": entry.name})
    return entries, left_out


def _blamed(error: ListBroken, entries: Sequence[dict[str, str]]) -> str:
    """Return what is wrong with a list that is not written yet, with the path that is to blame."""
    if not entries:
        return "there is no path to write"
    if error.entry is None:
        return str(error)
    return f"{printable(entries[error.entry]['path'].encode())}: {error.details}"


def _text(options: Namespace, entries: Sequence[dict[str, str]]) -> str:
    head: dict[str, str] = {}
    if options.name is not None:
        head["name"] = options.name
    if options.skip_missing:
        head["missing"] = "skip"
    members = [f"{_json(key)}: {_json(value)}" for key, value in head.items()]
    files = ",\n  ".join(map(_json, entries))
    return "{" + ",\n ".join([*members, f'"files": [\n  {files}\n ]']) + "}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _target(options: Namespace, settings: Settings) -> Path | None:
    """Return where the list is to be written, None for standard output; raise ListBroken."""
    if options.hash is None:
        return None if options.save is None else Path(options.save)
    if not isinstance(settings.lists_dir, Path):
        raise ListBroken("no place", "--hash writes to LISTS_DIR, which has to be a directory")
    return settings.lists_dir / f"{options.hash.value}{SUFFIX}"


def _save(written: str, target: Path | None) -> None:
    if target is None:
        print(written, end="")
        return
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(written, encoding="utf-8")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _reason(error: OSError | StorageUnavailable) -> str:
    if isinstance(error, StorageUnavailable):
        return error.reason
    return error.strerror or "no file"
