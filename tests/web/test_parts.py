"""An archive in parts: what each holds, how it is named, and who may have it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from harness.albums import HASH, let_date_begin, make_album, noise
from harness.clients import run_client
from harness.http import Response, connected, get, request
from harness.oracle import contents_of
from harness.server import Server, serving
from harness.sparse import make_sparse

from archive_service.archive.signed_link import Link

TARGET = f"/archive/{HASH}/"
MANIFEST, PAGE = f"{TARGET}manifest.json", f"{TARGET}page"
RUSSIAN, ENGLISH = "Accept-Language: ru", "Accept-Language: en"
JSON = "Accept: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"
KEY = "key-of-0123456789"
FILES = {
    "1.jpg": noise(700_000),
    "2.jpg": noise(400_000),
    "3.jpg": noise(300_000),
    "a/b/none/": b"",
    "a/b/4.jpg": noise(200_000),
    "a/z/": b"",
    "Отпуск/5.jpg": noise(100_000),
    "Отпуск/6.jpg": noise(50_000),
    "Отпуск/7.jpg": b"",
}
HUGE, GIGANTIC = "huge", 20 * 10**9
EMPTY = "empty"
FLAGS = ("--part-size", "1M", "--settle-time", "0")


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos")
    let_date_begin(make_album(path, FILES))
    make_album(path, {}, EMPTY)
    huge = make_album(path, {}, HUGE)
    for number in range(5):
        make_sparse(huge / f"{number}.mp4", GIGANTIC)
    return path


@pytest.fixture(scope="module")
def server(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(photos_dir, tmp_path_factory.mktemp("cache"), *FLAGS) as server:
        yield server


@pytest.fixture(scope="module")
def signing_server(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    cache_dir = tmp_path_factory.mktemp("cache")
    with serving(photos_dir, cache_dir, *FLAGS, variables={"SIGNING_KEYS": KEY}) as server:
        yield server


def part(server: Server, number: int, of: int, query: str = "", *fields: str) -> Response:
    return get(server.port, f"{TARGET}?part={number}/{of}{query}", *fields)


def contents(answer: Response) -> dict[str, bytes]:
    return contents_of(answer.content)


def manifest(server: Server, query: str, target: str = MANIFEST) -> dict[str, Any]:
    answer = get(server.port, f"{target}?{query}")
    assert answer.status == 200, answer.content
    found: dict[str, Any] = json.loads(answer.content)
    return found


def saved_as(answer: Response) -> str:
    field = answer["content-disposition"]
    _, found, extended = field.partition("filename*=UTF-8''")
    return unquote(extended) if found else field.partition('filename="')[2].rstrip('"')


@pytest.mark.parametrize("of", [1, 2, 3, 5, 7])
def test_parts_together_are_the_album(server: Server, of: int) -> None:
    whole = contents(get(server.port, TARGET))
    parts = [contents(part(server, number + 1, of)) for number in range(of)]
    names = [name for each in parts for name in each if not name.endswith("/")]
    assert names == [name for name in whole if not name.endswith("/")]
    assert {name: data for each in parts for name, data in each.items()} == whole
    sizes = [sum(map(len, each.values())) for each in parts]
    assert max(sizes) - sum(sizes) / of <= max(map(len, FILES.values()))


def test_the_one_part_is_the_archive_under_its_own_name(server: Server) -> None:
    whole, only = get(server.port, TARGET), part(server, 1, 1)
    assert (only["etag"], saved_as(only)) == (whole["etag"], saved_as(whole))
    assert manifest(server, "parts=1")["parts"][0]["link"] == TARGET


def test_a_directory_in_a_part_has_those_above_it(server: Server) -> None:
    names = [list(contents(part(server, number + 1, 7))) for number in range(7)]
    assert ["a/", "a/b/", "a/b/none/", "a/z/", "Отпуск/5.jpg"] in names


def test_a_part_has_a_length_a_tag_and_ranges_of_its_own(server: Server) -> None:
    whole, second = get(server.port, TARGET), part(server, 2, 3)
    head = request(server.port, "HEAD", f"{TARGET}?part=2/3")
    assert int(head["content-length"]) == len(second.content)
    assert head["etag"] == second["etag"]
    assert len({second["etag"], whole["etag"], part(server, 1, 3)["etag"]}) == 3
    assert second["last-modified"] == whole["last-modified"]
    answer = part(server, 2, 3, "", "Range: bytes=1000-1999", f"If-Range: {second['etag']}")
    assert answer.status == 206
    assert answer.content == second.content[1000:2000]
    assert part(server, 2, 3, "", "Range: bytes=9-", f"If-Range: {whole['etag']}").status == 200
    assert part(server, 2, 3, "", f"If-None-Match: {second['etag']}").status == 304
    assert part(server, 2, 3, "", f"Range: bytes={len(second.content)}-").status == 416


def test_a_client_resumes_a_part(server: Server, tmp_path: Path) -> None:
    second = part(server, 2, 3).content
    (tmp_path / "part.zip").write_bytes(second[: len(second) // 2])
    url = f"http://127.0.0.1:{server.port}{TARGET}?part=2/3"
    done = run_client(["curl", "-sS", "-f", "-C", "-", "-o", "part.zip", url], tmp_path)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "part.zip").read_bytes() == second


def test_a_bare_range_never_goes_on_with_the_parts_of_a_changed_album(
    server: Server, photos_dir: Path
) -> None:
    files = {f"{number}.jpg": noise(2_000_000, number) for number in range(4)}
    album = make_album(photos_dir, files, "changing")
    target = "/archive/changing/?part=2/2"
    begun = get(server.port, target)
    assert get(server.port, target, "Range: bytes=1500000-").status == 206
    assert get(server.port, "/archive/changing/?part=1/2", "Range: bytes=1500000-").status == 206
    (album / "9.jpg").write_bytes(noise(2_000_000))
    assert get(server.port, target, "Range: bytes=1500000-").status == 412
    assert get(server.port, target)["etag"] != begun["etag"]


@pytest.mark.parametrize(
    ("language", "query", "name"),
    [
        (RUSSIAN, "&name=" + quote("Лето"), "Лето (2 из 3).zip"),
        (ENGLISH, "&name=Summer", "Summer (2 of 3).zip"),
        (ENGLISH, "&name=Summer.ZIP", "Summer (2 of 3).ZIP"),
        (RUSSIAN, "", "archive (2 из 3).zip"),
        (ENGLISH, "&name=" + quote("я" * 150), "я" * 113 + " (2 of 3).zip"),
    ],
)
def test_a_part_is_named_for_the_visitor(
    server: Server, language: str, query: str, name: str
) -> None:
    answer = part(server, 2, 3, query, language)
    assert saved_as(answer) == name
    assert len(name.encode()) <= 240
    assert answer["vary"] == "Accept-Language"


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        *((f"part={value}", 400, "bad_part") for value in ("0/5", "6/5", "1/0", "2", "2/", "/2")),
        *((f"part={value}", 400, "bad_part") for value in ("-1/2", "1/1001", "01/2", "a/b", "")),
        ("part=1/2&part=1/2", 400, "bad_part"),
        ("part=%31/%D9%A2", 400, "bad_part"),  # digits, but not of ASCII
        ("part=1/8", 404, "part_not_found"),
        ("part=1/2&file=1.jpg", 404, "part_not_found"),
    ],
)
def test_what_is_no_part_is_refused(server: Server, query: str, status: int, error: str) -> None:
    for target in (TARGET, MANIFEST, PAGE):
        answer = get(server.port, f"{target}?{query}", JSON)
        assert (answer.status, json.loads(answer.content)["error"]) == (status, error)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        *((f"parts={value}", 400) for value in ("0", "-1", "1001", "a", "", "1.5")),
        *((f"part_size={value}", 400) for value in ("0", "-1", "a", "", "1T", "nan")),
        ("parts=2&part_size=1G", 400),
        ("parts=2&parts=2", 400),
        ("part=1/2&parts=2", 400),
        ("parts=8", 404),
    ],
)
def test_what_is_no_division_is_refused(server: Server, query: str, status: int) -> None:
    answer = get(server.port, f"{MANIFEST}?{query}", JSON)
    assert answer.status == status


def test_an_album_without_files_has_no_parts(server: Server) -> None:
    answer = get(server.port, f"/archive/{EMPTY}/?part=1/1", JSON)
    assert (answer.status, json.loads(answer.content)["error"]) == (404, "empty_archive")
    for query in ("parts=2", "part_size=1G"):
        told = manifest(server, query, f"/archive/{EMPTY}/manifest.json")
        assert (told["count"], told["parts"]) == (0, [])


@pytest.mark.parametrize(
    "query", ["parts=3", "part_size=600K", "parts=2&name=A%26B&file=a/&file=1.jpg"]
)
def test_the_manifest_tells_sizes_and_links_of_the_parts(server: Server, query: str) -> None:
    told = manifest(server, query)
    archives = [get(server.port, each["link"]) for each in told["parts"]]
    assert [each["size"] for each in told["parts"]] == [len(each.content) for each in archives]
    assert [each["etag"] for each in told["parts"]] == [each["etag"] for each in archives]
    assert sum(each["count"] for each in told["parts"]) == told["count"]
    assert manifest(server, f"summary&{query}")["parts"] == told["parts"]
    of_first = manifest(server, told["parts"][0]["link"].partition("?")[2])
    assert (of_first["size"], of_first["etag"]) == (len(archives[0].content), archives[0]["etag"])


@pytest.mark.parametrize("size", ["100K", "350K", "0.6M", "710000", "1M", "1G"])
def test_no_part_is_larger_than_asked_unless_it_is_one_file(server: Server, size: str) -> None:
    most = {"K": 10**3, "M": 10**6, "G": 10**9}.get(size[-1], 1)
    most_bytes = float(size.rstrip("KMG")) * most
    told = manifest(server, f"part_size={size}")["parts"]
    assert all(each["size"] <= most_bytes or each["count"] == 1 for each in told)


def test_links_of_many_parts_have_a_bound(server: Server, photos_dir: Path) -> None:
    make_album(photos_dir, {f"d/{number}.jpg": b"x" for number in range(300)}, "many")
    target, files = "/archive/many/manifest.json?summary", "&file=d/" * 700
    few = get(server.port, f"{target}&parts=100{files}")
    assert len(json.loads(few.content)["parts"]) == 100
    assert len(few.content) < 2**20
    many = get(server.port, f"{target}&parts=300{files}", JSON)
    assert (many.status, json.loads(many.content)["error"]) == (413, "too_many_chosen")
    assert get(server.port, f"{target}&parts=300").status == 200


def test_the_manifest_with_parts_has_a_tag_and_ranges_of_its_own(server: Server) -> None:
    plain, target = get(server.port, MANIFEST), f"{MANIFEST}?parts=3"
    whole = get(server.port, target)
    assert whole["etag"] not in (plain["etag"], get(server.port, f"{MANIFEST}?parts=2")["etag"])
    assert get(server.port, target, f"If-None-Match: {whole['etag']}").status == 304
    edge = len(plain.content) - 1
    for first, last in ((0, 10), (edge - 5, edge + 5), (edge, edge), (edge + 3, edge + 9)):
        guard = f"If-Match: {whole['etag']}"
        answer = get(server.port, target, f"Range: bytes={first}-{last}", guard)
        assert answer.content == whole.content[first : last + 1]


def posted(server: Server, target: str, form: str) -> Response:
    with connected(server.port) as connection:
        connection.send("POST", target, FORM, JSON, f"Content-Length: {len(form)}")
        connection.socket.sendall(form.encode())
        return connection.receive()


def test_chosen_files_go_in_parts_as_well(server: Server) -> None:
    files = ["1.jpg", "3.jpg", "a/b/4.jpg"]
    body = "&".join(f"file={quote(file)}" for file in files)
    link = posted(server, TARGET, body)["location"]
    told = manifest(server, "parts=2&" + link.partition("?")[2])
    parts = [contents(get(server.port, each["link"])) for each in told["parts"]]
    assert [name for each in parts for name in each] == files
    assert "select=" in told["parts"][0]["link"]
    refused = posted(server, f"{TARGET}?part=1/2", body)
    assert (refused.status, json.loads(refused.content)["error"]) == (400, "bad_part")


def offered(page: Response) -> list[str]:
    return [unescape(link) for link in re.findall(r'<li><a href="([^"]+)"', page.content.decode())]


def test_the_page_of_a_large_album_offers_parts(server: Server) -> None:
    page = get(server.port, f"{PAGE}?name=Summer", ENGLISH)
    text = page.content.decode()
    assert "Download in parts" in text
    parts = [get(server.port, link, ENGLISH) for link in offered(page)]
    assert [saved_as(each) for each in parts] == [f"Summer ({n} of 3).zip" for n in (1, 2, 3)]
    assert all(len(each.content) <= 10**6 for each in parts)
    assert "Part 1, " in text
    assert "Скачать по частям" in get(server.port, PAGE, RUSSIAN).content.decode()


def test_the_page_of_a_part_is_about_the_part(server: Server) -> None:
    page = get(server.port, f"{PAGE}?name=Summer&part=2/2", ENGLISH)
    assert "<h1>Summer (2 of 2)</h1>" in page.content.decode()
    assert not offered(page)
    (link,) = re.findall(r'class="button" href="([^"]+)"', page.content.decode())
    assert get(server.port, unescape(link)).content == part(server, 2, 2).content


def test_the_page_of_a_small_album_offers_none(
    server: Server, photos_dir: Path, tmp_path: Path
) -> None:
    assert not offered(get(server.port, f"{PAGE}?file=1.jpg"))
    with serving(photos_dir, tmp_path, *FLAGS, "--part-size", "0") as never:
        assert not offered(get(never.port, f"/archive/{HUGE}/page"))


def test_the_last_part_of_an_album_of_100_gb_begins_at_once(server: Server) -> None:
    target = f"/archive/{HUGE}/?part=5/5"
    head = request(server.port, "HEAD", target)
    length = int(head["content-length"])
    assert GIGANTIC < length < GIGANTIC + 1000
    beginning = get(server.port, target, "Range: bytes=70-199")
    assert beginning.status == 206
    told = manifest(server, "part_size=4G", f"/archive/{HUGE}/manifest.json")["parts"]
    assert [each["size"] for each in told] == [length] * 5


class TestSignedLinks:
    @staticmethod
    def link(life_s: int = 3600) -> str:
        return Link(HASH, int(time.time()) + life_s, ["Лето"], ["1.jpg", "a/"]).signed(KEY.encode())

    def test_the_signature_of_an_archive_is_good_for_its_parts(
        self, signing_server: Server, server: Server
    ) -> None:
        link = self.link()
        told = manifest(signing_server, "parts=2&" + link.partition("?")[2])
        for number, each in enumerate(told["parts"], 1):
            answer = get(signing_server.port, each["link"])
            assert answer.status == 200
            expected = part(server, number, 2, "&file=1.jpg&file=a/")
            assert answer.content == expected.content

    def test_without_one_there_is_no_part(self, signing_server: Server) -> None:
        assert get(signing_server.port, f"{TARGET}?part=1/2").status == 403
        assert get(signing_server.port, f"{MANIFEST}?parts=0").status == 403
        assert get(signing_server.port, f"{self.link(-60)}&part=1/2").status == 410
        of_a_part = self.link().replace("file=1.jpg", "file=2.jpg")
        assert get(signing_server.port, f"{of_a_part}&part=1/2").status == 403

    def test_a_part_that_was_begun_may_be_completed_after_the_end(
        self, signing_server: Server
    ) -> None:
        tag = get(signing_server.port, f"{self.link()}&part=1/2")["etag"]
        rest = ("Range: bytes=100-", f"If-Range: {tag}")
        assert get(signing_server.port, f"{self.link(-60)}&part=1/2", *rest).status == 206
        assert get(signing_server.port, f"{self.link(-60)}&part=2/2", *rest).status == 410
