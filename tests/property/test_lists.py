"""Whatever stands in a list, it is an archive that can be laid out, or it is rejected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timezone
from pathlib import Path

import pytest
from harness.albums import make_album
from hypothesis import given
from hypothesis import strategies as st

from archive_service.archive.errors import ArchiveNotFound
from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import lay_out
from archive_service.archive.naming import NameRules, archive_names
from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.file_lists.list_contents import FileList
from archive_service.storage.file_lists.list_model import ListBroken
from archive_service.storage.file_lists.list_place import ListDirectory
from archive_service.storage.file_lists.listed_storage import ListedStorage
from archive_service.storage.local.storage import LocalStorage

ALBUMS = {
    "one": {"1.jpg": b"one", "sub/2.jpg": b"two", "sub/deep/3": b"", "none/": b"", "x.part": b"x"},
    "two": {"1.jpg": b"uno", "sub/2.JPG": b"dos", "кафе\u0301.jpg": b"tres"},
}
LIST = ArchiveId("the-list")
PARTS = st.sampled_from(
    ["one", "two", "1.jpg", "sub", "deep", "3", "none", "..", ".", "", "x.part", "2.jpg", "\0"]
)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join) | st.text(max_size=8)
ENTRIES = st.fixed_dictionaries({"path": NAMES}, optional={"as": NAMES}) | st.fixed_dictionaries(
    {"text": st.text(max_size=8), "as": NAMES}
)
LISTS = st.fixed_dictionaries(
    {"files": st.lists(ENTRIES, max_size=6)},
    optional={"missing": st.sampled_from(["skip", "fail"]), "name": st.text(max_size=8)},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["files", "path", "as", "text", "name", "missing", "$schema", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
RULES = [NameRules(), NameRules(portable=False)]


class Site:
    """A real storage over real directories."""

    def __init__(self, root: Path) -> None:
        for name, files in ALBUMS.items():
            make_album(root / "photos", files, name)
        self.file = root / f"{LIST.value}.json"
        albums = LocalStorage(root / "photos", Exclusion(DEFAULT_PATTERNS))
        self.storage = ListedStorage(albums, ListDirectory(root, 10_000))

    def names(self, content: bytes) -> list[list[bytes]]:
        """Return the names in the archive of a list by each rule; nothing where it is rejected."""
        self.file.write_bytes(content)
        try:
            listing = self.storage.list(LIST)
        except ArchiveNotFound:
            return []
        found = []
        for rules in RULES:
            names = archive_names(listing.paths, rules)
            layout = lay_out(listing, names, range(len(listing)), zone=timezone.utc)
            found.append(list(layout.names))
        with self.storage.files(LIST, listing) as files:
            size = sum(listing.sizes)
            buffer = memoryview(bytearray(size))
            positions = [sum(listing.sizes[:source]) for source in range(len(listing))]
            files.read_into(buffer, range(len(listing)), positions)
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.storage.close()


@given(LISTS | JSON)
def test_a_list_is_laid_out_under_safe_and_distinct_names_or_rejected(
    site: Site, document: object
) -> None:
    for names in site.names(json.dumps(document).encode()):
        assert len(set(names)) == len(names)
        for name in names:
            assert not name.startswith(b"/")
            assert {b"..", b".", b""}.isdisjoint(name.removesuffix(b"/").split(b"/"))
            assert b"\0" not in name


@given(st.binary(max_size=40) | st.text('{}[]":,filespatx0 \\u', max_size=40).map(str.encode))
def test_bytes_that_are_no_list_are_rejected(site: Site, content: bytes) -> None:
    assert site.names(content) == []


def test_a_list_of_too_many_directories_is_rejected_before_it_takes_memory() -> None:
    files = [{"path": f"album/{number}/" + "x/" * 60 + "1.jpg"} for number in range(9000)]
    with pytest.raises(ListBroken, match="too many directories"):
        FileList.of(json.dumps({"files": files}).encode())


def test_a_list_of_many_entries_is_one_of_each(site: Site) -> None:
    document = {"files": [{"path": "one/1.jpg"}] * 3 + [{"path": "one/sub/"}, {"path": "two/"}]}
    assert len(FileList.of(json.dumps(document).encode()).origins) == 5
    assert site.names(json.dumps(document).encode())[0] == [
        b"1 (2).jpg",
        b"1 (3).jpg",
        b"1 (4).jpg",
        b"1.jpg",
        b"sub/2 (2).jpg",
        b"sub/2.JPG",
        b"sub/deep/3",
        "кафе\u0301.jpg".encode(),
    ]
