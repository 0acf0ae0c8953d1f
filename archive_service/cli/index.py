"""The command `archive-service index`: fills, verifies or prunes the CRC index.

Exit statuses: 0 all is well; 1 it is not; 2 an argument or a setting is wrong.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import closing

from archive_service.archive.errors import (
    ArchiveNotFound,
    DownloadFailed,
    StorageUnavailable,
)
from archive_service.archive.id import ArchiveId, is_archive_id
from archive_service.checksums.crc_index.base import CrcIndex
from archive_service.checksums.maintenance import AlbumReport, Maintenance
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
    SIGNALLED,
    USAGE_ERROR,
    complain,
    printable,
    quiet_on_closed_pipe,
    refusing_wrong_settings,
)
from archive_service.config.album_storage import advice, upload_look
from archive_service.config.crc_index_choice import index_for
from archive_service.config.listed_archives import served_storage
from archive_service.config.settings import Settings, load_settings
from archive_service.observe.events import Event, ignore
from archive_service.observe.index_events import IndexImpaired
from archive_service.storage.base import Storage
from archive_service.storage.local.unclosed_files import UnclosedFiles

_EPILOG = f"""\
actions:
  fill    compute the checksums that are missing, so that no first download
          has to wait for them
  verify  read all files whose checksums are known, report those whose content
          has changed while size and times have not (the disk may be failing),
          and correct their checksums
  prune   forget albums that are gone; takes no HASH
  All three may run beside the service; run them as the user of the service.

{SETTINGS_OF_SERVICE}
exit status:
  0  all is well
  1  something is wrong; the messages say what
  2  an argument or a setting is wrong
"""


@quiet_on_closed_pipe
@refusing_wrong_settings
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the action that the arguments name; return the exit status."""
    options = parser().parse_mixed(arguments)
    settings = load_settings(given_settings(options, Settings))
    if options.action == "prune" and options.hashes:
        complain("prune takes no HASH: it looks at all albums")
        return USAGE_ERROR
    troubles: list[str] = []

    def record(event: Event) -> None:
        if isinstance(event, IndexImpaired):
            troubles.append(event.reason)

    index, storage = index_for(settings, record), served_storage(settings)
    try:
        with closing(index), closing(storage):
            if options.action == "prune":
                is_well = _prune(index, storage)
            else:
                maintenance = Maintenance(
                    storage, index, upload_look(settings, UnclosedFiles(), ignore)
                )
                is_well = _work(options.action, options.hashes, storage, maintenance)
    except StorageUnavailable as error:
        complain(f"{_places(settings)} can't be read ({error}): {advice(settings, error.reason)}")
        return FAILURE
    except KeyboardInterrupt:  # the index keeps what was hashed
        return SIGNALLED + signal.SIGINT
    for trouble in troubles:
        complain(f"{trouble}: `archive-service check` says more")
    return 0 if is_well and not troubles else FAILURE


def parser() -> OneLineParser:
    """Return the parser of the command's arguments."""
    made = OneLineParser(
        usage="%(prog)s [-h] [SETTINGS] {fill,verify,prune} [HASH ...]",
        description="Fill, verify or prune the index of checksums.",
        epilog=_EPILOG,
        formatter_class=AsWritten,
    )
    made.add_argument("action", choices=("fill", "verify", "prune"), help="what to do; see below")
    made.add_argument(
        "hashes",
        metavar="HASH",
        type=hash_argument,
        nargs="*",
        help="name of an album's directory; without any, all albums",
    )
    add_settings_of_service(made, Settings)
    return made


def _work(
    action: str, hashes: Sequence[ArchiveId], storage: Storage, maintenance: Maintenance
) -> bool:
    """Run an action on albums, all of them if none is named; return whether all is well."""
    albums = storage.albums()
    work = maintenance.fill if action == "fill" else maintenance.verify
    named = hashes or [ArchiveId.parse(name) for name in albums if is_archive_id(name)]
    return _go_through(named, work)


def _prune(index: CrcIndex, storage: Storage) -> bool:
    archives = storage.archives()
    if not archives:  # more likely a disk that is not mounted
        complain("no albums are listed, so nothing is pruned: is the disk mounted?")
        return False
    index.prune(archives)
    print(f"pruned; albums kept: {len(storage.albums()):,}")
    return True


def _places(settings: Settings) -> str:
    places = settings.photos_dir, settings.lists_dir
    return " or ".join(str(place) for place in places if place is not None)


def _go_through(albums: Sequence[ArchiveId], work: Callable[[ArchiveId], AlbumReport]) -> bool:
    """Work on one album after another; return whether all is well."""
    # Imported here because the import takes as long as hashing a hundred pictures.
    from tqdm import tqdm  # noqa: PLC0415

    files = size = 0
    is_well = True
    is_watched = sys.stderr is not None and sys.stderr.isatty()
    with tqdm(albums, unit="album", dynamic_ncols=True, disable=not is_watched) as bar:
        for archive in bar:
            report, complaints = _worked_on(archive, work)
            files += report.files
            size += report.size
            bar.set_postfix_str(f"{size / 1000**3:,.1f} GB", refresh=False)
            with tqdm.external_write_mode(sys.stderr):
                for complaint in complaints:
                    complain(complaint)
            is_well = is_well and not complaints
    print(f"{files:,} files of {len(albums):,} albums read, {size:,} bytes")
    return is_well


def _worked_on(
    archive: ArchiveId, work: Callable[[ArchiveId], AlbumReport]
) -> tuple[AlbumReport, list[str]]:
    """Return the report of work on an album, and complaints about it."""
    try:
        report = work(archive)
    except ArchiveNotFound:
        return AlbumReport(), [f"{archive}: there is no such album"]
    except (StorageUnavailable, DownloadFailed) as error:
        return AlbumReport(), [f"{archive}: can't be read ({error.reason})"]
    complaints = [f"{archive}/{printable(path)}: can't be read" for path in report.failed]
    complaints += [
        f"{archive}/{printable(path)}: is not what it was, though its size and times are; its"
        " checksum is mended; compare the file with a backup"
        for path in report.different
    ]
    return report, complaints
