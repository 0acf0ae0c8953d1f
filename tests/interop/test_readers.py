"""Every reader on every album: what it extracts is what lies on the disk.

The readers' own limits are written down here as facts, with the versions they were met in:
UnZip 6.00, 7-Zip 26.02, bsdtar 3.6.2, Java 17, Go 1.19.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH
from harness.archives import Archives, archives_of_specimens
from harness.http import get
from harness.readers import READERS, TESTERS, Contents, Found, Toolbox, extracted, run, succeed
from harness.specimens import ALBUMS, Specimen, at, dated, write_album
from harness.zipcheck import check, check_file

FULL_ALBUMS = [album for album in ALBUMS if ALBUMS[album]]
ZONE_OF_READERS_S = 10 * 3600
"""East of UTC, in which the DOS times of these archives are."""
EXECUTE_BITS = 0o111


def timestamp_of(specimen: Specimen) -> int | None:
    """The extended timestamp, where it can hold the time."""
    return specimen.mtime_s if 0 <= specimen.mtime_s < 1 << 31 else None


def dos_time(specimen: Specimen) -> int:
    """The years 1980 to 2107, in steps of two seconds."""
    clamped = min(max(specimen.mtime_s, at(1980, 1, 1)), at(2107, 12, 31, 23, 59, 59))
    return clamped - clamped % 2


def timestamp_or_dos_time(specimen: Specimen) -> int:
    """A reader that takes the DOS time for one of UTC."""
    timestamp = timestamp_of(specimen)
    return dos_time(specimen) if timestamp is None else timestamp


def timestamp_or_local_time(specimen: Specimen) -> int:
    """A reader that takes the DOS time for one of its own zone, as the format has it."""
    timestamp = timestamp_of(specimen)
    return dos_time(specimen) - ZONE_OF_READERS_S if timestamp is None else timestamp


def unzip_time(specimen: Specimen) -> int:
    """UnZip takes 2100 for a leap year, and so is a day late from that March on."""
    is_late = timestamp_of(specimen) is None and specimen.mtime_s >= at(2100, 3, 1)
    return timestamp_or_local_time(specimen) + is_late * 24 * 3600


def archived_mode(specimen: Specimen) -> int:
    return specimen.archived_mode


def mode_without_directory(specimen: Specimen) -> int:
    """From a pipe bsdtar learns the mode of executable files; others get its own defaults."""
    if specimen.is_directory:
        return 0o775
    return specimen.archived_mode if specimen.archived_mode & EXECUTE_BITS else 0o664


def untold(_: Specimen) -> None:
    """The reader does not report it."""


Trait = Callable[[Specimen], int | None]
TRAITS: Mapping[str, tuple[Trait, Trait]] = {
    "unzip": (unzip_time, archived_mode),
    "7z": (timestamp_or_local_time, archived_mode),
    "bsdtar": (timestamp_or_local_time, archived_mode),
    "bsdtar from a pipe": (timestamp_or_local_time, mode_without_directory),
    "python": (dos_time, archived_mode),
    "java": (timestamp_or_local_time, untold),
    "java from a pipe": (timestamp_or_local_time, untold),
    "go": (timestamp_or_dos_time, archived_mode),
    "stream-unzip": (untold, untold),
}
"""What each reader makes of mtimes and of modes."""


def contents_for(reader: str, album: str) -> Contents:
    mtime, mode = TRAITS[reader]
    return {
        specimen.name: Found(
            hashlib.sha256(specimen.data).hexdigest(), mtime(specimen), mode(specimen)
        )
        for specimen in ALBUMS[album]
    }


@pytest.mark.parametrize("album", FULL_ALBUMS)
@pytest.mark.parametrize("reader", READERS)
def test_reader_extracts_what_lies_on_the_disk(
    reader: str, album: str, archives: Archives, toolbox: Toolbox, tmp_path: Path
) -> None:
    archive = archives.downloaded(album)
    assert READERS[reader](toolbox, archive, tmp_path) == contents_for(reader, album)


@pytest.mark.parametrize("album", FULL_ALBUMS)
@pytest.mark.parametrize("tester", TESTERS)
def test_reader_tests_the_archive_as_good(tester: str, album: str, archives: Archives) -> None:
    command, verdict = TESTERS[tester]
    assert verdict in succeed([*command, str(archives.downloaded(album))])


@pytest.mark.parametrize("reader", [name for name in READERS if name != "unzip"])
def test_empty_album_is_an_empty_archive(
    reader: str, archives: Archives, toolbox: Toolbox, tmp_path: Path
) -> None:
    assert READERS[reader](toolbox, archives.downloaded("nothing"), tmp_path) == {}


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        (["unzip"], 1, "zipfile is empty"),  # 1 is a warning, unzip(1) "DIAGNOSTICS"
        (["unzip", "-t"], 1, "zipfile is empty"),
        (["7z", "t"], 0, "Everything is Ok"),
        (["bsdtar", "-tf"], 0, ""),
        (["zip", "-T"], 12, "Nothing to do!"),  # zip(1): "zip has nothing to do"
    ],
)
def test_empty_archive_is_not_taken_for_a_broken_one(
    command: list[str], status: int, words: str, archives: Archives
) -> None:
    done = run([*command, str(archives.downloaded("nothing"))])
    assert done.returncode == status
    assert words in done.stdout


@pytest.mark.parametrize("album", ALBUMS)
def test_archive_is_what_the_format_says_byte_for_byte(album: str, archives: Archives) -> None:
    checked = {entry.name.decode(): entry for entry in check_file(archives.downloaded(album))}
    assert checked.keys() == {specimen.name for specimen in ALBUMS[album]}
    for specimen in ALBUMS[album]:
        entry = checked[specimen.name]
        assert entry.size == len(specimen.data)
        assert entry.permissions == specimen.archived_mode
        assert entry.timestamp == timestamp_of(specimen)


@pytest.mark.parametrize("album", ALBUMS)
def test_manifest_tells_the_names_that_readers_find(album: str, archives: Archives) -> None:
    archive = archives.downloaded(album)
    manifest = archives.manifest(album)
    files = [specimen for specimen in ALBUMS[album] if not specimen.is_directory]
    assert manifest["size"] == archive.stat().st_size
    assert manifest["count"] == len(files)
    assert {(file["name"], file["size"]) for file in manifest["files"]} == {
        (specimen.name, len(specimen.data)) for specimen in files
    }


def test_time_beyond_every_field_is_held_at_the_end(photos_dir: Path, serve: Serve) -> None:
    write_album(photos_dir / HASH, [dated("2300.txt", at(2300, 1, 1))])
    answer = get(serve("--empty-archives", "zip").port, f"/archive/{HASH}/")
    assert answer.status == 200
    [entry] = check(answer.content)
    assert (entry.timestamp, entry.dos_time.year) == (None, 2107)


def test_jar_extracts_files_of_every_time(archives: Archives, tmp_path: Path) -> None:
    """It stops at a timestamp that it takes for negative, and leaves out what follows."""
    archive = archives.downloaded("times")
    succeed(["jar", "xf", str(archive)], cwd=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {each.name for each in ALBUMS["times"]}


def test_minizip_makes_every_empty_directory(archives: Archives, tmp_path: Path) -> None:
    """It makes no parents."""
    succeed(["miniunzip", "-x", str(archives.downloaded("empty things"))], cwd=tmp_path)
    made = {f"{path.relative_to(tmp_path)}/" for path in tmp_path.rglob("*") if path.is_dir()}
    listed = {each.name for each in ALBUMS["empty things"] if each.is_directory}
    assert made == {*listed, "dir/"}


@pytest.fixture(scope="module")
def exact_archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archives]:
    with archives_of_specimens(tmp_path_factory.mktemp("exact"), "--no-portable-names") as archives:
        yield archives


@pytest.mark.parametrize("reader", ["unzip", "7z", "bsdtar", "bsdtar from a pipe", "python"])
def test_exact_names_too_stay_inside_and_lose_no_file(
    reader: str, exact_archives: Archives, toolbox: Toolbox, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    READERS[reader](toolbox, exact_archives.downloaded("hostile"), target)
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    digests = sorted(found.sha256 for found in extracted(target).values())
    assert digests == sorted(found.sha256 for found in contents_for(reader, "hostile").values())


# zipdetails

COMPLAINT = re.compile(
    r"\b(error|warning|unexpected|unknown|invalid|trailing|missing)\b", re.IGNORECASE
)
FIELD = re.compile(r"^[0-9A-F]+ +(?P<label>\S.*?)  +(?P<value>\S.*)$")


def headers_of(details: str, kind: str) -> list[dict[str, str]]:
    """Return the labelled fields of each local or central header."""
    blocks = re.findall(rf"^\S+ {kind} HEADER #[0-9A-F]+ .*\n((?:.+\n)+)", details, re.MULTILINE)
    fields = [map(FIELD.match, block.splitlines()) for block in blocks]
    return [{m["label"]: m["value"] for m in matches if m} for matches in fields]


@pytest.mark.parametrize("album", ALBUMS)
def test_zipdetails_has_nothing_to_complain_of(album: str, archives: Archives) -> None:
    details = succeed(["zipdetails", str(archives.downloaded(album))])
    text = "\n".join(line for line in details.splitlines() if "PAYLOAD" not in line)
    assert COMPLAINT.findall(text) == []
    assert details.rstrip().endswith("Done")


@pytest.mark.parametrize("album", FULL_ALBUMS)
def test_zipdetails_finds_both_headers_consistent(album: str, archives: Archives) -> None:
    details = succeed(["zipdetails", str(archives.downloaded(album))])
    local, central = headers_of(details, "LOCAL"), headers_of(details, "CENTRAL")
    assert len(local) == len(central) == len(ALBUMS[album])
    has_timestamps = None not in map(timestamp_of, ALBUMS[album])
    for ours, theirs in zip(local, central, strict=True):
        shared = ours.keys() & theirs.keys()
        assert {"CRC", "Compressed Length", "Filename", "Last Mod Time"} <= shared
        assert "Mod Time" in shared or not has_timestamps
        assert {label: ours[label] for label in shared} == {
            label: theirs[label] for label in shared
        }
