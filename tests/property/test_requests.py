"""What a link says, read from any text: an id, a name, files, or a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from string import ascii_letters, digits

import pytest
from harness.albums import HASH, make_album
from harness.in_process import service_over
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from archive_service.archive.errors import BadQuery, FileNotInAlbum
from archive_service.archive.id import ArchiveId, InvalidArchiveId
from archive_service.http.content_disposition import MAX_NAME_CHARACTERS, content_disposition
from archive_service.transfer.service import ArchiveService
from archive_service.web.query import ArchiveQuery, parse_query

ALBUM = ArchiveId(HASH)
FILES = {"1.jpg": b"1", "day/2.jpg": b"2", "day/night/3.jpg": b"3", "empty/": b"", "a:b": b"4"}
UNRESERVED = set(ascii_letters + digits + "-_~.")

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
near_ids = st.text(st.sampled_from("aZ09._-~/%\\\0 \n"), max_size=12)
query_bytes = st.lists(
    st.sampled_from(["name=", "file=", "&", "=", "+", "%", "%2f", "%5C", "%00", "%ff", "%d1%84"])
    | st.sampled_from(["1.jpg", "..", ";", "#", "%ed%a0%80", "%c0%ae", "%E2%80%AE", "ф"])
    | any_text,
    max_size=12,
).map("".join)
near_files = st.lists(
    st.sampled_from(
        ["1.jpg", "day", "night", "2.jpg", "empty", "a", ":", "_", "/", ".", "..", "%"]
    ),
    max_size=5,
).map("".join)


@given(any_text | near_ids)
def test_an_id_is_one_visible_component_of_a_path(text: str) -> None:
    try:
        archive = ArchiveId.parse(text)
    except InvalidArchiveId:
        return
    assert archive.value == text
    assert set(text) <= UNRESERVED
    assert text[0] != "."
    assert len(text) <= 255


@given(st.text(st.sampled_from(sorted(UNRESERVED)), min_size=1, max_size=255))
def test_an_id_that_is_printed_gives_no_more_than_half_of_it_away(text: str) -> None:
    if text.startswith("."):
        return
    archive = ArchiveId.parse(text)
    for printed in (str(archive), f"{archive}", repr(archive), repr([archive])):
        assert text[: len(text) // 2 + 1] not in printed.replace("ArchiveId(", "")


@given(query_bytes)
def test_any_query_is_read_or_refused(text: str) -> None:
    url = URL.build(path="/", query_string=text.replace("#", ""))
    assert_read_or_refused(url.raw_query_string)


@given(query_bytes)
def test_any_query_that_is_percent_encoded_is_read_or_refused(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass").replace(b"#", b"").decode("latin-1")
    try:
        url = URL(f"http://localhost/?{raw}", encoded=True)
    except ValueError:  # such a request line reaches no handler
        return
    assert_read_or_refused(url.raw_query_string)


def assert_read_or_refused(query: str) -> None:
    try:
        read = parse_query(query)
    except BadQuery as error:
        refused = error.parameter
    else:
        assert_usable(read)
        return
    assert refused in ("name", "file")


def assert_usable(query: ArchiveQuery) -> None:
    assert all(query.files)
    if query.download_name is None:
        return
    assert len(query.download_name) <= MAX_NAME_CHARACTERS + len(".zip")
    assert query.download_name.lower().endswith(".zip")
    assert not set("/\\\0\r\n") & set(query.download_name)
    assert content_disposition(query.download_name).isprintable()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchiveService]:
    root = tmp_path_factory.mktemp("photos")
    make_album(root, FILES)
    make_album(root, {"1.jpg": b"of another"}, "another")
    with service_over(root) as service:
        yield service


@given(st.lists(near_files | any_text, min_size=1, max_size=3))
def test_any_files_that_are_asked_for_are_of_the_album_or_not_found(
    service: ArchiveService, files: list[str]
) -> None:
    try:
        part = asyncio.run(service.represent(ALBUM, files))
    except FileNotInAlbum:
        return
    names = {part.name(entry) for entry in range(part.layout.entries)}
    assert names
    assert names <= {name.replace(":", "_") for name in FILES}
    for file in files:
        exact = file.replace(":", "_")
        assert any(n == exact or (exact.endswith("/") and n.startswith(exact)) for n in names)
