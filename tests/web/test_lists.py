"""Archives of lists: files of several albums under the names that the site gives them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from harness.albums import LONG_AGO_S, make_album, noise, settle
from harness.commands import run_command
from harness.http import Response, connected, get
from harness.lists import ORDER, write_list
from harness.opens import opens_noted
from harness.oracle import contents_of
from harness.server import Server, serving

WEDDING, PARTY = "3bea29ccabbbf64bdebcc055319c5745", "af1ad8c76fda2e48ea9aed2937e972ea"
ALBUMS = {
    WEDDING: {
        "1.jpg": noise(300_000, 1),
        "2.jpg": noise(10, 2),
        "sub/3.jpg": noise(200_000, 3),
        "none/": b"",
        "x.part": b"half",
    },
    PARTY: {"1.jpg": noise(20, 4), "deep/er/4.jpg": noise(150_000, 5), "deep/void/": b""},
}
TEXT = "Спасибо!\n"
DOCUMENT: dict[str, Any] = {
    "name": "Order 1234",
    "files": [
        {"path": f"{WEDDING}/1.jpg", "as": "Wedding/001.jpg"},
        {"path": f"{PARTY}/", "as": "Party/"},
        {"path": f"{WEDDING}/sub/3.jpg"},
        {"text": TEXT, "as": "README.txt"},
    ],
}
HELD = {
    "Wedding/001.jpg": ALBUMS[WEDDING]["1.jpg"],
    "Party/": b"",
    "Party/1.jpg": ALBUMS[PARTY]["1.jpg"],
    "Party/deep/": b"",
    "Party/deep/er/4.jpg": ALBUMS[PARTY]["deep/er/4.jpg"],
    "Party/deep/void/": b"",
    "sub/3.jpg": ALBUMS[WEDDING]["sub/3.jpg"],
    "README.txt": TEXT.encode(),
}


@dataclass(frozen=True)
class Shop:
    """A site with albums and lists."""

    server: Server
    photos_dir: Path
    lists_dir: Path

    def write(self, document: object, name: str = ORDER) -> str:
        """Write a list; return its link."""
        write_list(self.lists_dir, document, name)
        return f"/archive/{name}/"

    def get(self, target: str, *field_lines: str) -> Response:
        return get(self.server.port, target, *field_lines)

    def names(self, *files: dict[str, str], **more: str) -> list[str]:
        """Return the names in the archive of a list."""
        return ZipFile(BytesIO(self.get(self.write({"files": files, **more})).content)).namelist()

    def status(self, document: object) -> int:
        """Return the status of the answer for a list."""
        return self.get(self.write(document)).status


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = tmp_path_factory.mktemp("shop")
    for name, files in ALBUMS.items():
        make_album(root / "photos", files, name)
    lists_dir = root / "lists"
    lists_dir.mkdir()
    flags = ("--lists-dir", str(lists_dir), "--level", "debug")
    with serving(root / "photos", tmp_path_factory.mktemp("cache"), *flags) as server:
        yield Shop(server, root / "photos", lists_dir)


def test_a_list_is_an_archive_of_what_it_names(shop: Shop) -> None:
    answer = shop.get(shop.write(DOCUMENT))
    assert answer.status == 200
    assert contents_of(answer.content) == HELD
    assert 'filename="Order 1234.zip"' in answer["content-disposition"]


def test_the_name_of_a_link_is_stronger_than_that_of_the_list(shop: Shop) -> None:
    answer = shop.get(shop.write(DOCUMENT) + "?name=Other")
    assert 'filename="Other.zip"' in answer["content-disposition"]


@pytest.mark.parametrize(
    ("title", "safe"),
    [
        ("Order 12/34", "Order 12_34.zip"),
        (" ..\\x\ty ", "_.._x_y.zip"),
        ("x" * 300, "x" * 236 + ".zip"),
        ("", "archive.zip"),
        (" ", "archive.zip"),
    ],
)
def test_a_title_is_made_safe_as_the_name_of_the_archive(shop: Shop, title: str, safe: str) -> None:
    answer = shop.get(shop.write({**DOCUMENT, "name": title}))
    assert answer["content-disposition"] == f'attachment; filename="{safe}"'


def test_every_range_is_that_of_the_whole(shop: Shop) -> None:
    target = shop.write(DOCUMENT)
    whole = shop.get(target).content
    for start in range(0, len(whole), 60_001):
        answer = shop.get(target, f"Range: bytes={start}-{start + 70_000}")
        assert answer.status == 206
        assert answer.content == whole[start : start + 70_001]
    assert shop.get(target, f"Range: bytes={len(whole)}-", 'If-Range: "no"').status == 200
    assert shop.get(target, 'If-Match: "no"').status == 412
    etag = shop.get(target)["etag"]
    beyond = shop.get(target, f"Range: bytes={len(whole)}-", f"If-Range: {etag}")
    assert beyond.status == 416


def test_some_files_of_a_list_can_be_asked_for(shop: Shop) -> None:
    answer = shop.get(shop.write(DOCUMENT) + "?file=Party/deep/&file=README.txt")
    wanted = ("Party/deep/", "README.txt")
    held = {name: data for name, data in HELD.items() if name.startswith(wanted)}
    assert contents_of(answer.content) == {"Party/": b"", **held}


def test_the_manifest_describes_the_list(shop: Shop) -> None:
    target = shop.write(DOCUMENT)
    manifest = json.loads(shop.get(f"{target}manifest.json").content)
    whole = shop.get(target)
    assert manifest["size"] == len(whole.content)
    assert manifest["etag"] == whole["etag"]
    files = {name for name in HELD if not name.endswith("/")}
    assert {file["name"] for file in manifest["files"]} == files
    assert "missing" not in manifest
    assert WEDDING not in json.dumps(manifest)


def test_a_list_written_anew_with_the_same_content_is_the_same_archive(shop: Shop) -> None:
    first = shop.get(shop.write(DOCUMENT))
    again = shop.get(shop.write(DOCUMENT))
    assert again["etag"] == first["etag"]
    assert again.content == first.content


def test_a_list_may_begin_with_a_byte_order_mark(shop: Shop) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(DOCUMENT).encode()
    assert contents_of(shop.get(shop.write(content)).content) == HELD


def test_the_page_of_a_list_has_its_name(shop: Shop) -> None:
    page = shop.get(f"{shop.write(DOCUMENT)}page", "Accept-Language: en").content.decode()
    assert "Order 1234" in page
    assert WEDDING not in page


def test_files_of_a_list_are_chosen_by_a_form(shop: Shop) -> None:
    target = shop.write(DOCUMENT)
    body = "file=README.txt&file=Wedding/001.jpg"
    with connected(shop.server.port) as connection:
        kind = "Content-Type: application/x-www-form-urlencoded"
        connection.send("POST", target, kind, f"Content-Length: {len(body)}")
        connection.socket.sendall(body.encode())
        answer = connection.receive()
    assert answer.status == 303
    chosen = shop.get(answer["location"])
    assert list(contents_of(chosen.content)) == ["README.txt", "Wedding/001.jpg"]


@pytest.mark.parametrize("change_token", ["--change-token", "--no-change-token"])
def test_another_text_of_the_same_length_is_another_archive(
    shop: Shop, tmp_path: Path, change_token: str
) -> None:
    flags = ("--lists-dir", str(shop.lists_dir), change_token)
    with serving(shop.photos_dir, tmp_path, *flags) as server:
        tags = set()
        for text in ("one", "two"):
            files = [{"text": text, "as": "README.txt"}, {"path": f"{WEDDING}/2.jpg"}]
            answer = get(server.port, shop.write({"files": files}))
            assert contents_of(answer.content)["README.txt"] == text.encode()
            tags.add(answer["etag"])
        assert len(tags) == 2


def test_a_list_of_one_album_has_the_bytes_and_the_tag_of_that_album(shop: Shop) -> None:
    listed = shop.get(shop.write({"files": [{"path": f"{WEDDING}/"}]}))
    album = shop.get(f"/archive/{WEDDING}/")
    assert listed.content == album.content
    assert listed["etag"] == album["etag"]


def test_what_one_of_list_and_album_learned_the_other_knows(shop: Shop, tmp_path: Path) -> None:
    settle(shop.photos_dir / WEDDING)
    target = shop.write({"files": [{"path": f"{WEDDING}/1.jpg", "as": "a.jpg"}]})
    album = f"/archive/{WEDDING}/"
    directories = {
        each: f"Range: bytes={ZipFile(BytesIO(shop.get(each).content)).start_dir}-"
        for each in (target, album)
    }
    for first, second in ((target, album), (album, target)):
        cache_dir = tmp_path / second.strip("/").replace("/", "-")
        cache_dir.mkdir()
        flags = ("--lists-dir", str(shop.lists_dir), "--open-files", "off")
        opened = []  # to be hashed: the central directory needs nothing else of a file
        for each in (first, second):  # a server of its own: only the index is shared
            with serving(shop.photos_dir, cache_dir, *flags) as server:
                with opens_noted(shop.photos_dir / WEDDING) as names:
                    assert get(server.port, each, directories[each]).status == 206
                opened.append("1.jpg" in names)
        assert opened == [True, False]


def test_what_changes_in_a_list_or_its_albums_is_seen_at_once(shop: Shop) -> None:
    path = shop.photos_dir / PARTY / "late.jpg"
    target = shop.write({"files": [{"path": f"{PARTY}/"}, {"path": f"{WEDDING}/2.jpg"}]})
    before = shop.get(target)
    path.write_bytes(b"late")
    with_file = shop.get(target)
    assert contents_of(with_file.content)["late.jpg"] == b"late"
    path.unlink()
    assert shop.get(target).content == before.content
    shop.write({"files": [{"path": f"{WEDDING}/2.jpg"}]})
    assert list(contents_of(shop.get(target).content)) == ["2.jpg"]
    (shop.lists_dir / f"{ORDER}.json").unlink()
    assert shop.get(target).status == 404


def test_two_files_of_one_name_get_numbers(shop: Shop) -> None:
    one, other = {"path": f"{WEDDING}/1.jpg"}, {"path": f"{PARTY}/1.jpg"}
    assert shop.names(one, other) == ["1 (2).jpg", "1.jpg"]
    assert shop.names(one, one, one) == ["1 (2).jpg", "1 (3).jpg", "1.jpg"]
    named = {"path": f"{PARTY}/1.jpg", "as": "1 (2).jpg"}
    assert shop.names(one, one, named) == ["1 (2).jpg", "1 (3).jpg", "1.jpg"]
    assert shop.names(one, {"text": "x", "as": "1.jpg/x"}) == ["1.jpg", "1.jpg (2)/x"]
    in_folder = {"path": f"{WEDDING}/1.jpg", "as": "a.b/c"}
    assert shop.names(in_folder, in_folder) == ["a.b/c", "a.b/c (2)"]
    empty = {"path": f"{PARTY}/deep/void/"}
    assert shop.names(empty, one, empty) == ["1.jpg", "deep/", "deep/void/"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "__/__/etc/passwd"),
        ("/etc/passwd", "_/etc/passwd"),
        ("a//b", "a/_/b"),
        ("..", "__"),
        ("C:\\x", "C__x"),
        ("con.jpg", "_con.jpg"),
        ("a\0b", "a_b"),
        ("e\u0301.jpg", "é.jpg"),
        ("a/./b", "a/_/b"),
    ],
)
def test_names_are_made_safe(shop: Shop, name: str, safe: str) -> None:
    assert shop.names({"path": f"{WEDDING}/1.jpg", "as": name}) == [safe]
    assert shop.names({"text": "x", "as": name}) == [safe]


def test_a_missing_file_makes_the_archive_a_404_and_is_logged_once(shop: Shop) -> None:
    after = len(shop.server.lines)
    files = [{"path": f"{WEDDING}/1.jpg"}, {"path": f"{WEDDING}/none.jpg"}]
    for _ in range(2):
        assert shop.status({"files": files}) == 404
    shop.server.wait_for(r"list\.rejected.*order…", after=after)
    lines = [line for line in shop.server.lines[after:] if "list.rejected" in line]
    assert len(lines) == 1
    assert "missing" in lines[0]
    assert "entry=1" in lines[0] or '"entry": 1' in lines[0]
    assert WEDDING not in lines[0]


@pytest.mark.parametrize(
    "path",
    [
        f"{WEDDING}/none.jpg",
        f"{WEDDING}/x.part",
        f"{WEDDING}/sub",
        f"{WEDDING}/1.jpg/",
        f"{WEDDING}/none.d/",
        "no-album/1.jpg",
        "no-album/",
    ],
)
def test_what_is_missing_or_excluded_is_left_out_where_the_list_says_so(
    shop: Shop, path: str
) -> None:
    document = {
        "missing": "skip",
        "files": [{"path": f"{WEDDING}/2.jpg"}, {"path": path, "as": "wanted"}],
    }
    target = shop.write(document)
    assert list(contents_of(shop.get(target).content)) == ["2.jpg"]
    manifest = json.loads(shop.get(f"{target}manifest.json").content)
    assert [name.rstrip("/") for name in manifest["missing"]] == ["wanted"]
    assert shop.status({**document, "missing": "fail"}) == 404


def test_a_missing_directory_without_a_name_is_told_as_the_top(shop: Shop) -> None:
    files = [{"path": f"{WEDDING}/2.jpg"}, {"path": "no-album/"}]
    target = shop.write({"missing": "skip", "files": files})
    assert json.loads(shop.get(f"{target}manifest.json").content)["missing"] == ["/"]


def test_a_directory_wins_over_a_list(shop: Shop) -> None:
    shop.write({"files": [{"text": "x", "as": "x"}]}, WEDDING)
    assert "1.jpg" in contents_of(shop.get(f"/archive/{WEDDING}/").content)
    (shop.lists_dir / f"{WEDDING}.json").unlink()


def test_times_are_those_of_the_files(shop: Shop) -> None:
    target = shop.write(DOCUMENT)
    manifest = json.loads(shop.get(f"{target}manifest.json").content)
    assert {file["modified"] for file in manifest["files"]} == {"2020-09-13T12:26:40Z"}
    assert LONG_AGO_S == 1_600_000_000


def test_a_list_that_is_gone_for_the_disk_is_gone_is_no_404(shop: Shop, tmp_path: Path) -> None:
    lists_dir = tmp_path / "lists"
    lists_dir.mkdir()
    flags = ("--lists-dir", str(lists_dir))
    with serving(shop.photos_dir, tmp_path, *flags) as server:
        assert get(server.port, "/archive/nothing/").status == 404
        os.rmdir(lists_dir)
        assert get(server.port, "/archive/nothing/").status == 503
        assert get(server.port, f"/archive/{WEDDING}/").status == 200


def test_a_list_larger_than_may_be_is_a_404_with_a_line_in_the_log(
    shop: Shop, tmp_path: Path
) -> None:
    target = shop.write({"files": [{"text": "x" * 2000, "as": "x"}]})
    flags = ("--lists-dir", str(shop.lists_dir), "--list-size", "1K")
    with serving(shop.photos_dir, tmp_path, *flags) as server:
        assert get(server.port, target).status == 404
        server.wait_for("list.rejected.*too large")
    assert shop.get(target).status == 200


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff",
        b'{"files": [{"path": "x/1", "as": "\\ud800"}]}',
        {"files": [{"path": f"{WEDDING}/1.jpg", "as": "x/"}]},
        {"files": [{"path": f"{WEDDING}/1.jpg", "as": ""}]},
        {"files": [{"text": "x", "as": "x/"}]},
        {"files": [{"path": f"{WEDDING}/1.jpg"}], "mising": "skip"},
        {"files": [{"path": f"{WEDDING}/" + "a/" * 70 + "1.jpg"}], "missing": "skip"},
    ],
)
def test_a_broken_list_is_a_404_with_a_line_in_the_log(shop: Shop, document: object) -> None:
    after = len(shop.server.lines)
    target = shop.write(document, f"broken-{after}")
    assert shop.get(target).status == 404
    assert shop.get(f"{target}manifest.json").status == 404
    shop.server.wait_for("list.rejected.*broken", after=after)
    assert not [line for line in shop.server.lines[after:] if "level=error" in line]


@pytest.mark.parametrize(
    ("lists_dir", "is_refused"), [("photos/lists", True), ("photos/.lists", False), ("x", False)]
)
def test_lists_in_what_can_be_an_album_are_refused(
    tmp_path: Path, lists_dir: str, *, is_refused: bool
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / lists_dir).mkdir()
    flags = ("--photos-dir", str(tmp_path / "photos"), "--lists-dir", str(tmp_path / lists_dir))
    done = run_command(("check", *flags, "--port", "0"), tmp_path)
    assert (done.returncode == 2) == is_refused
    assert ("LISTS_DIR" in done.stderr) == is_refused


def test_the_start_says_which_lists_have_the_name_of_an_album(shop: Shop, tmp_path: Path) -> None:
    write_list(tmp_path / "lists", DOCUMENT, PARTY)
    with serving(shop.photos_dir, tmp_path, "--lists-dir", str(tmp_path / "lists")) as server:
        server.wait_for("list.shadowed.*af1ad8…")


def test_the_start_says_that_the_lists_can_not_be_read(shop: Shop, tmp_path: Path) -> None:
    lists_dir = tmp_path / "to be mounted"
    with serving(shop.photos_dir, tmp_path, "--lists-dir", str(lists_dir)) as server:
        server.wait_for(r"lists\.lost reason=ENOENT")
        assert get(server.port, f"/archive/{ORDER}/").status == 503
        write_list(lists_dir, DOCUMENT)
        assert get(server.port, f"/archive/{ORDER}/").status == 200


def test_check_says_which_lists_can_not_be_sent(shop: Shop, tmp_path: Path) -> None:
    lists_dir = tmp_path / "lists"
    write_list(lists_dir, DOCUMENT)
    flags = ("--photos-dir", str(shop.photos_dir), "--lists-dir", str(lists_dir), "--port", "0")
    good = run_command(("check", *flags), tmp_path)
    assert "good   lists       1 in " in good.stdout
    assert good.returncode == 0
    write_list(lists_dir, {"files": [{"path": f"{WEDDING}/none.jpg"}]}, "torn-0")
    write_list(lists_dir, DOCUMENT, PARTY)
    bad = run_command(("check", *flags), tmp_path)
    assert bad.returncode == 1
    assert "1 of the 3 looked at can't be sent: tor… files[0]: path: there is no such" in bad.stdout
    assert "1 have the name of an album, such as af1ad8…" in bad.stdout
    assert WEDDING not in bad.stdout


def test_every_replica_goes_on_with_the_same_archive(shop: Shop, tmp_path: Path) -> None:
    target = shop.write(DOCUMENT)
    begun = shop.get(target)
    flags = ("--lists-dir", str(shop.lists_dir), "--workers", "2")
    with serving(shop.photos_dir, tmp_path, *flags) as replica:
        if_range = f"If-Range: {begun['etag']}"
        rest = get(replica.port, target, "Range: bytes=123456-", if_range)
    assert (rest.status, rest["etag"]) == (206, begun["etag"])
    assert rest.content == begun.content[123_456:]


def test_a_list_just_written_waits_to_be_still(shop: Shop, tmp_path: Path) -> None:
    target = shop.write(DOCUMENT)
    flags = ("--lists-dir", str(shop.lists_dir), "--settle-time", "3600", "--settle-wait", "0")
    with serving(shop.photos_dir, tmp_path, *flags) as server:
        answer = get(server.port, target)
        assert (answer.status, "retry-after" in answer) == (503, True)
        server.wait_for("archive.in_motion")


def test_albums_that_are_indexed_ahead_are_indexed_for_lists(shop: Shop, tmp_path: Path) -> None:
    settle(shop.photos_dir / WEDDING)
    target = shop.write({"files": [{"path": f"{WEDDING}/1.jpg", "as": "a.jpg"}]})
    start = ZipFile(BytesIO(shop.get(target).content)).start_dir
    flags = ("--lists-dir", str(shop.lists_dir), "--index-ahead", "scan", "--level", "debug")
    with serving(shop.photos_dir, tmp_path, *flags) as server:
        server.wait_for(f"index_ahead.indexed.*{WEDDING[:6]}")
        with opens_noted(shop.photos_dir / WEDDING) as names:
            assert get(server.port, target, f"Range: bytes={start}-").status == 206
    assert "1.jpg" not in names


def test_a_list_comes_in_parts_as_an_album_does(shop: Shop) -> None:
    target = shop.write(DOCUMENT)
    names: list[str] = []
    for number in (1, 2):
        answer = shop.get(f"{target}?part={number}/2")
        assert answer.status == 200
        assert "Order 1234" in answer["content-disposition"]
        names += contents_of(answer.content)
    assert sorted(names) == sorted(HELD)
    described = json.loads(shop.get(f"{target}manifest.json?parts=2").content)
    assert len(described["parts"]) == 2
