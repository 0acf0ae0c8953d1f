"""Ways out of the albums, as who writes a list might try them: in its paths, and on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from harness.albums import make_album
from harness.http import Response, get
from harness.lists import ORDER, write_list
from harness.odd_files import LINKS, OTHER, SECRET, SPECIAL
from harness.opens import opens_noted
from harness.oracle import contents_of
from harness.server import Server, serving

PLACES = {"in the album": "", "in a directory": "sub/", "deep down": "sub/a/b/"}
ALBUMS = {
    (kind, place): f"album-{number}"
    for number, (kind, place) in enumerate(
        (kind, place) for kind in (*SPECIAL, *LINKS) for place in PLACES
    )
}
GOOD = "album-0"
TARGET = f"/archive/{ORDER}/"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An album for each thing in each place, and around them what must stay outside."""
    root = tmp_path_factory.mktemp("odd")
    make_album(root, {"secret.txt": SECRET, "sub/secret.txt": SECRET}, "outside")
    (root / "secret.txt").write_bytes(SECRET)
    make_album(root / "photos", {"own.txt": b"own"}, OTHER)
    make_album(root / "photos", {"secret.txt": SECRET}, ".hidden")
    (root / "photos" / "secret.txt").write_bytes(SECRET)
    for (_, place), name in ALBUMS.items():
        album = make_album(root / "photos", {"1.jpg": b"one", "sub/a/b/2.jpg": b"two"}, name)
        (album / PLACES[place] / "other").symlink_to("special")
    (root / "lists").mkdir()
    (root / "lists" / "linked.json").symlink_to(root / "lists" / "x")
    return root


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = ("--lists-dir", str(root / "lists"), "--level", "debug")
    with serving(root / "photos", tmp_path_factory.mktemp("cache"), *flags) as server:
        yield server


def archive_of(server: Server, root: Path, *paths: str, missing: str = "fail") -> Response:
    files = [
        {"path": path, "as": f"{number}/"[: None if path.endswith("/") else -1]}
        for number, path in enumerate(paths)
    ]
    write_list(root / "lists", {"missing": missing, "files": files})
    answer = get(server.port, TARGET)
    assert SECRET not in answer.content
    return answer


@pytest.mark.parametrize(
    "path",
    [
        "secret.txt",
        "../outside/secret.txt",
        "..",
        "../",
        "./secret.txt",
        ".",
        "./",
        "/etc/passwd",
        "//etc/passwd",
        "/",
        ".hidden/secret.txt",
        ".hidden/",
        f"{GOOD}/../secret.txt",
        f"{GOOD}/../../secret.txt",
        f"{GOOD}/sub/../../../secret.txt",
        f"{GOOD}/..",
        f"{GOOD}/../",
        f"{GOOD}/.",
        f"{GOOD}/./1.jpg",
        f"{GOOD}//1.jpg",
        f"{GOOD}//",
        f"{GOOD}/sub//",
        GOOD,
        f"{GOOD}\\..\\secret.txt",
        "file:///etc/passwd",
        "~/secret.txt",
        "%2e%2e/secret.txt",
        f"{GOOD}/%2e%2e/secret.txt",
        f"{GOOD}/..%2fsecret.txt",
        f"{GOOD}\0/secret.txt",
        f"{GOOD}/1.jpg\0",
        f"{GOOD}/1.jpg/",
        f"{GOOD}/1.jpg/x",
        f"{GOOD}/*",
        f"{GOOD}/1.JPG",
        f"{GOOD}/1.jpg ",
        f"{GOOD}/" + "a" * 300,
        f"{GOOD}/" + "a/" * 2000,
        f"{GOOD}/" + "../" * 1300 + "etc/passwd",
        "a" * 300 + "/1.jpg",
    ],
)
def test_no_path_of_a_list_leads_out(server: Server, root: Path, path: str) -> None:
    assert archive_of(server, root, f"{GOOD}/1.jpg", path).status == 404
    answer = archive_of(server, root, f"{GOOD}/1.jpg", path, missing="skip")
    if answer.status == 200:  # it is a path in an album, where nothing is
        assert ZipFile(BytesIO(answer.content)).namelist() == ["0"]
    assert answer.status in (200, 404)
    assert not [line for line in server.lines if "level=error" in line]


ODD = ("special", "special/", "special/secret.txt", "special/sub/", "other", "other/")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", [*SPECIAL, *LINKS])
def test_a_list_reaches_nothing_that_its_album_does_not(
    server: Server, root: Path, kind: str, place: str
) -> None:
    name, prefix = ALBUMS[kind, place], PLACES[place]
    directory = root / "photos" / name / prefix
    {**SPECIAL, **LINKS}[kind](directory / "special")
    with opens_noted(directory) as opened:
        for path in (
            "special",
            "special/",
            "special/secret.txt",
            "special/sub/",
            "other",
            "other/",
        ):
            assert archive_of(server, root, f"{name}/{prefix}{path}").status == 404
        whole = archive_of(server, root, f"{name}/")
    assert opened
    assert not {"special", "other"} & set(opened)
    names = ZipFile(BytesIO(whole.content)).namelist()
    assert sorted(names) == ["0/1.jpg", "0/sub/a/b/2.jpg"]
    assert not server.open_below(root / "photos")
    assert not [line for line in server.lines if "level=error" in line]


def test_links_are_followed_within_their_album_as_in_its_archive(
    server: Server, root: Path
) -> None:
    album = make_album(root / "photos", {"1.jpg": b"one", "sub/2.jpg": b"two"}, "linking")
    (album / "file").symlink_to("1.jpg")
    (album / "dir").symlink_to("sub")
    (album / "up").symlink_to(f"../{OTHER}")
    answer = archive_of(server, root, "linking/file", "linking/dir/2.jpg", "linking/dir/")
    assert contents_of(answer.content) == {
        "0": b"one",
        "1": b"two",
        "2/2.jpg": b"two",
    }
    for path in ("linking/up/own.txt", "linking/up/", "linking/file/", "linking/dir"):
        assert archive_of(server, root, path).status == 404


def test_what_is_swapped_for_a_link_after_the_listing_is_not_sent(
    server: Server, root: Path
) -> None:
    album = make_album(root / "photos", {"sub/1.jpg": b"one"}, "swapped")
    whole = archive_of(server, root, "swapped/sub/1.jpg", f"{GOOD}/1.jpg")
    (album / "sub").rename(album / "away")
    (album / "sub").symlink_to(root / "outside")
    assert archive_of(server, root, "swapped/sub/secret.txt").status == 404
    assert archive_of(server, root, "swapped/sub/1.jpg").status == 404
    assert whole.status == 200


def test_a_link_to_a_list_is_none(server: Server, root: Path) -> None:
    target = write_list(root / "lists", {"files": [{"path": f"{GOOD}/1.jpg"}]})
    (root / "lists" / "link.json").symlink_to(target)
    assert get(server.port, TARGET).status == 200
    assert get(server.port, "/archive/link/").status == 404


@pytest.mark.parametrize("make", [*LINKS.values(), *SPECIAL.values(), Path.mkdir])
def test_what_is_no_file_is_no_list(server: Server, root: Path, make: object) -> None:
    place = root / "lists" / "odd.json"
    assert callable(make)
    make(place)
    try:
        assert get(server.port, "/archive/odd/").status == 404
    finally:
        os.rmdir(place) if not place.is_symlink() and place.is_dir() else os.unlink(place)
    assert not [line for line in server.lines if "level=error" in line]
