"""A form of chosen files: the short link it leads to, and what becomes of that link."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from zipfile import ZipFile

import pytest
from harness.albums import HASH, let_date_begin, make_album, noise
from harness.http import Connection, Response, connected
from harness.lists import ORDER, write_list
from harness.readers import need
from harness.server import Server, serving

from archive_service.archive.signed_link import Link
from archive_service.web.form import MAX_FORM_BYTES, MAX_FORM_FIELDS

TARGET = f"/archive/{HASH}/"
FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Accept: application/json"
KEY = "key-of-0123456789"
MANY = "many-files"
TIMEOUT_S = 60.0
NAMES = [f"{number:05} Отпуск.jpg" for number in range(10_000)]
FILES = {
    "1.jpg": noise(300_000),
    "2.jpg": noise(200),
    "a:b.jpg": b"not portable",
    "Отпуск & море.jpg": b"Cyrillic",
    "day1/1.jpg": b"below",
    "day1/deeper/2.jpg": b"further below",
    "none/": b"",
}


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos")
    let_date_begin(make_album(path, FILES))
    make_album(path, dict.fromkeys(NAMES, b"x"), MANY)
    return path


@pytest.fixture(scope="module")
def server(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(photos_dir, tmp_path_factory.mktemp("cache")) as server:
        yield server


@pytest.fixture(scope="module")
def signing_server(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    cache_dir = tmp_path_factory.mktemp("cache")
    with serving(photos_dir, cache_dir, variables={"SIGNING_KEYS": KEY}) as server:
        yield server


@pytest.fixture
def signing(signing_server: Server) -> Iterator[Connection]:
    """A connection to a server that wants links signed."""
    with connected(signing_server.port) as connection:
        yield connection


def post(
    connection: Connection,
    target: str,
    files: Sequence[str] = (),
    *names: str,
    fields: Sequence[str] = (FORM, JSON),
) -> Response:
    pairs = [*(("file", file) for file in files), *(("name", name) for name in names)]
    return post_text(connection, target, urlencode(pairs), *fields)


def post_text(connection: Connection, target: str, text: str, *fields: str) -> Response:
    connection.send("POST", target, *fields, f"Content-Length: {len(text)}")
    connection.socket.sendall(text.encode())
    return connection.receive()


def error(answer: Response) -> tuple[int, str]:
    return answer.status, json.loads(answer.content)["error"]


def names_in(answer: Response) -> list[str]:
    assert answer.status == 200
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return archive.namelist()


@pytest.mark.parametrize(
    "files",
    [
        ["1.jpg"],
        ["2.jpg", "1.jpg", "2.jpg"],
        ["day1/"],
        ["day1/", "1.jpg", "none/"],
        ["a:b.jpg"],
        ["Отпуск & море.jpg"],
    ],
)
def test_form_leads_to_the_archive_that_the_names_in_a_link_give(
    connection: Connection, files: list[str]
) -> None:
    answer = post(connection, TARGET, files, "Лето")
    assert (answer.status, answer.content) == (303, b"")  # RFC 9110 section 15.4.4
    chosen = connection.exchange("GET", answer["location"])
    by_name = urlencode([("name", "Лето"), *(("file", file) for file in files)])
    expected = connection.exchange("GET", f"{TARGET}?{by_name}")
    assert chosen.content == expected.content
    for name in ("etag", "content-disposition", "content-length", "last-modified"):
        assert chosen[name] == expected[name]


def test_list_as_php_writes_it_is_taken_in_a_link_and_in_a_form(connection: Connection) -> None:
    need("php")
    code = 'echo http_build_query(["file" => ["2.jpg", "day1/1.jpg"], "name" => "A"]);'
    query = subprocess.run(
        ["php", "-r", code], check=True, capture_output=True, text=True, timeout=TIMEOUT_S
    ).stdout
    form = post_text(connection, TARGET, query, FORM)
    assert form.status == 303
    for target in (f"{TARGET}?{query}", form["location"]):
        assert names_in(connection.exchange("GET", target)) == ["2.jpg", "day1/1.jpg"]


def test_link_of_thousands_of_names_is_short(connection: Connection) -> None:
    chosen = NAMES[::11] + NAMES[5000:7000]
    answer = post(connection, f"/archive/{MANY}/", chosen, "Лето")
    assert answer.status == 303
    assert len(answer["location"]) < 1000
    assert names_in(connection.exchange("GET", answer["location"])) == sorted({*chosen})


def test_link_serves_the_manifest_and_is_resumed(connection: Connection) -> None:
    location = post(connection, TARGET, ["1.jpg", "day1/"])["location"]
    whole = connection.exchange("GET", location)
    manifest = json.loads(
        connection.exchange("GET", location.replace("/?", "/manifest.json?")).content
    )
    assert manifest["size"] == len(whole.content)
    assert manifest["etag"] == whole["etag"]
    assert [file["name"] for file in manifest["files"]] == [
        "1.jpg",
        "day1/1.jpg",
        "day1/deeper/2.jpg",
    ]
    fields = ("Range: bytes=1000-", f"If-Range: {whole['etag']}")
    rest = connection.exchange("GET", location, *fields)
    assert (rest.status, rest.content) == (206, whole.content[1000:])


def test_link_is_good_on_a_replica_and_after_a_restart(
    connection: Connection, photos_dir: Path, tmp_path: Path
) -> None:
    location = post(connection, TARGET, ["1.jpg", "day1/"])["location"]
    expected = connection.exchange("GET", location)
    with serving(photos_dir, tmp_path) as other, connected(other.port) as there:
        assert there.exchange("GET", location).content == expected.content
        assert post(there, TARGET, ["day1/", "1.jpg"])["location"] == location


@pytest.mark.parametrize("text", ["", "name=", "name=+&name=", "other=1"])
def test_form_without_files_leads_to_the_whole_album(connection: Connection, text: str) -> None:
    answer = post_text(connection, f"{TARGET}?name=Summer", text, FORM)
    assert (answer.status, answer["location"]) == (303, f"{TARGET}?name=Summer")


def test_form_narrows_the_link_it_is_sent_to(connection: Connection) -> None:
    target = f"{TARGET}?file=day1/&file=1.jpg&name=A"
    location = post(connection, target, ["day1/deeper/", "1.jpg"], "B")["location"]
    answer = connection.exchange("GET", location)
    assert names_in(answer) == ["1.jpg", "day1/deeper/2.jpg"]
    assert 'filename="B.zip"' in answer["content-disposition"]
    assert error(post(connection, target, ["2.jpg"])) == (404, "file_not_found")
    assert error(post(connection, location, ["1.jpg"])) == (400, "bad_select")


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("file=3.jpg", (404, "file_not_found")),
        ("file=1.jpg&file=", (400, "bad_file")),
        ("file=%ff", (404, "file_not_found")),
        ("name=a/b", (400, "bad_name")),
        ("name=a&name=b", (400, "bad_name")),
        ("&" * MAX_FORM_FIELDS, (413, "too_many_chosen")),
        ("file=" + "a" * MAX_FORM_BYTES, (413, "too_many_chosen")),
    ],
)
def test_form_that_cannot_be_used(
    connection: Connection, text: str, failure: tuple[int, str]
) -> None:
    assert error(post_text(connection, TARGET, text, FORM, JSON)) == failure


def test_form_of_no_album(connection: Connection) -> None:
    assert error(post(connection, "/archive/none/", ["1.jpg"])) == (404, "archive_not_found")


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("Content-Type: multipart/form-data; boundary=x",),
        ("Content-Type: application/json",),
        (FORM, "Content-Encoding: gzip"),
    ],
)
def test_other_content_is_no_form(connection: Connection, fields: tuple[str, ...]) -> None:
    answer = post(connection, TARGET, ["1.jpg"], fields=(*fields, JSON))
    assert error(answer) == (415, "no_form")


def test_form_may_come_in_chunks_and_is_bounded_then_too(connection: Connection) -> None:
    connection.send("POST", TARGET, FORM, "Transfer-Encoding: chunked")
    connection.socket.sendall(b"6\r\nfile=1\r\n4\r\n.jpg\r\n0\r\n\r\n")
    location = connection.receive()["location"]
    assert names_in(connection.exchange("GET", location)) == ["1.jpg"]
    connection.send("POST", TARGET, FORM, JSON, "Transfer-Encoding: chunked")
    block = b"x" * (MAX_FORM_BYTES // 4)
    for _ in range(5):
        connection.socket.sendall(b"%x\r\n%s\r\n" % (len(block), block))
    assert error(connection.receive()) == (413, "too_many_chosen")


def test_choice_that_fits_no_request_line_is_refused(photos_dir: Path, tmp_path: Path) -> None:
    """Of 60,000 files, with every other one chosen at random, each takes a bit."""
    names = [f"{number}" for number in range(60_000)]
    write_list(tmp_path, {"files": [{"path": f"{HASH}/2.jpg", "as": name} for name in names]})
    chosen = random.Random(1).sample(names, 30_000)
    target = f"/archive/{ORDER}/"
    with (
        serving(photos_dir, tmp_path, "--lists-dir", str(tmp_path)) as server,
        connected(server.port) as connection,
    ):
        assert error(post(connection, target, chosen)) == (413, "too_many_chosen")
        assert post(connection, target, names[:30_000]).status == 303


@pytest.mark.parametrize("value", ["", "A", "AAAA", "%ff", "a&select=b", "AQ" * 20])
def test_select_that_cannot_be_used(connection: Connection, value: str) -> None:
    for target in (TARGET, f"{TARGET}manifest.json"):
        answer = connection.exchange("GET", f"{target}?select={value}", JSON)
        assert error(answer) in ((400, "bad_select"), (409, "selection_outdated"))


def test_album_that_has_changed_says_so(tmp_path: Path) -> None:
    album = make_album(tmp_path, FILES)
    with serving(tmp_path, tmp_path) as server, connected(server.port) as connection:
        location = post(connection, TARGET, ["1.jpg", "day1/"])["location"]
        old = connection.exchange("GET", location)
        (album / "2.jpg").write_bytes(b"another")  # other content, the same names
        assert connection.exchange("GET", location).content == old.content
        (album / "1.jpg").write_bytes(b"another")
        new = connection.exchange("GET", location)
        assert names_in(new) == ["1.jpg", "day1/1.jpg", "day1/deeper/2.jpg"]
        assert new["etag"] != old["etag"]
        (album / "0.jpg").write_bytes(b"more")
        assert error(connection.exchange("GET", location, JSON)) == (409, "selection_outdated")
        page = connection.exchange("GET", location, "Accept-Language: ru").content.decode()
        assert "Альбом изменился" in page
        assert "выберите файлы заново" in page


class TestSignedLinks:
    @staticmethod
    def link(*, life_s: int = 3600, files: Sequence[str] = (), names: Sequence[str] = ()) -> str:
        return Link(HASH, int(time.time()) + life_s, names, files).signed(KEY.encode())

    def test_form_narrows_a_signed_link(self, signing: Connection) -> None:
        location = post(signing, self.link(names=["Лето"]), ["1.jpg", "day1/"])["location"]
        answer = signing.exchange("GET", location)
        assert names_in(answer) == ["1.jpg", "day1/1.jpg", "day1/deeper/2.jpg"]
        assert quote("Лето") in answer["content-disposition"]
        expected = self.link(names=["Лето"], files=["1.jpg", "day1/"])
        assert answer.content == signing.exchange("GET", expected).content

    def test_form_gives_out_no_more_than_the_link(self, signing: Connection) -> None:
        link = self.link(files=["day1/"])
        assert error(post(signing, link, ["1.jpg"])) == (404, "file_not_found")
        whole = post(signing, self.link(), ["1.jpg"])["location"]
        (selection,) = [
            value for name, value in parse_qsl(urlsplit(whole).query) if name == "select"
        ]
        answer = signing.exchange("GET", f"{link}&select={selection}", JSON)
        assert error(answer) == (409, "selection_outdated")

    @pytest.mark.parametrize("names", [[], ["Summer"], ["Summer.zip"]])
    def test_name_of_the_link_stays(self, signing: Connection, names: list[str]) -> None:
        link = self.link(names=["Summer"])
        answer = post(signing, link, ["1.jpg"], *names)
        assert names_in(signing.exchange("GET", answer["location"])) == ["1.jpg"]
        assert error(post(signing, link, ["1.jpg"], "Winter")) == (400, "bad_form")
        assert error(post(signing, self.link(), ["1.jpg"], "Winter")) == (400, "bad_form")

    def test_without_a_signature_or_after_its_time_there_is_none(self, signing: Connection) -> None:
        for target in (TARGET, self.link() + "0", "/archive/none/"):
            assert error(post(signing, target, ["1.jpg"])) == (403, "link_not_signed")
        assert error(post(signing, self.link(life_s=-60), ["1.jpg"])) == (410, "link_expired")
        location = post(signing, self.link(), ["1.jpg"])["location"]
        broken = location.replace("signature=", "signature=0")
        assert error(signing.exchange("GET", broken, JSON)) == (403, "link_not_signed")
