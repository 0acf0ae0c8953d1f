"""Signed links over real sockets: who is let in, until when, and what others can learn."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from urllib.parse import quote
from zipfile import ZipFile

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, make_sparse, noise
from harness.conditions import eventually
from harness.http import Connection, Response, begun, connected, get
from harness.server import REPOSITORY, Server, serving

from archive_service.archive.signed_link import Link

KEY, OLD_KEY, STRANGE_KEY = (f"{name}-0123456789abcdef" for name in ("new", "old", "strange"))
OTHER_HASH = "fedcba9876543210fedcba9876543210"
MISSING = ("0" * 32, "no-such-album")
FILES = {
    "1.jpg": noise(200_000),
    "2.jpg": noise(100),
    "Отпуск & море.jpg": b"Cyrillic",
    "a b+c%.jpg": b"reserved",
}
JSON = "Accept: application/json"
ROUTES = re.findall(r"^  (/.*):$", (REPOSITORY / "docs/openapi.yaml").read_text(), re.MULTILINE)
"""Those of the application; tests/unit/test_openapi.py holds the document to them."""
OF_AN_ARCHIVE = [path for path in ROUTES if path.startswith("/archive/{hash}/")]
DAY_S, HOUR_S = 86400, 3600
GRACE_S = DAY_S
"""The default."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos_dir = tmp_path_factory.mktemp("photos")
    make_album(photos_dir, FILES)
    make_album(photos_dir, {"secret.jpg": b"other"}, OTHER_HASH)
    with serving(
        photos_dir,
        tmp_path_factory.mktemp("cache"),
        *("--level", "debug"),
        variables={"SIGNING_KEYS": f"{KEY},{OLD_KEY}"},
    ) as server:
        yield server


def signed(
    archive: str = HASH,
    *,
    life_s: int = HOUR_S,
    names: Sequence[str] = (),
    files: Sequence[str] = (),
    key: str = KEY,
) -> str:
    return Link(archive, int(time.time()) + life_s, names, files).signed(key.encode())


def manifest_of(link: str) -> str:
    return link.replace("/?", "/manifest.json?", 1)


def error(answer: Response) -> tuple[int, str]:
    return answer.status, json.loads(answer.content)["error"]


NOT_SIGNED = (403, "link_not_signed")
EXPIRED = (410, "link_expired")


# Who is let in


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
def test_signed_link_gives_the_archive_and_its_manifest(connection: Connection, key: str) -> None:
    link = signed(key=key)
    answer = connection.exchange("GET", link)
    assert answer.status == 200
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.namelist() == sorted(FILES, key=str.encode)
        assert archive.testzip() is None
    manifest = json.loads(connection.exchange("GET", manifest_of(link)).content)
    assert manifest["size"] == len(answer.content)
    head = connection.exchange("HEAD", link)
    assert (head.status, head["content-length"]) == (200, str(len(answer.content)))
    assert connection.exchange("HEAD", manifest_of(link)).status == 200
    assert connection.exchange("GET", link, "Range: bytes=0-99").content == answer.content[:100]


def test_name_and_files_are_those_of_the_link(connection: Connection) -> None:
    link = signed(names=["Лето & зима"], files=["a b+c%.jpg", "Отпуск & море.jpg"])
    answer = connection.exchange("GET", link)
    assert quote("Лето & зима.zip", safe="&") in answer["content-disposition"]
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["a b+c%.jpg", "Отпуск & море.jpg"]


def test_way_of_writing_does_not_matter(connection: Connection) -> None:
    link = signed(names=["a b"], files=["Отпуск & море.jpg", "1.jpg"])
    path, _, query = link.partition("?")
    parameters = query.split("&")
    other_ways = [
        link.replace("%20", "+"),
        re.sub("%..", lambda match: match[0].lower(), link),
        link.replace("1.jpg", "%31.jpg"),
        f"{path}?utm_source=mail&{query}&fbclid=1",
        f"{path}?{'&'.join(parameters[::-1][:1] + parameters[:-1])}",
        link.replace(HASH, f"%30{HASH[1:]}"),
    ]
    for other in other_ways:
        assert other != link
        assert connection.exchange("HEAD", other).status == 200


@pytest.mark.parametrize("spoilt", ["&amp;", "&amp;amp;", "&AMP;"])
def test_link_whose_ampersands_were_escaped_works(connection: Connection, spoilt: str) -> None:
    link = signed(names=["Лето & море"], files=["1.jpg", "Отпуск & море.jpg"])
    expected = connection.exchange("GET", link)
    assert expected.status == 200
    for target in (link, manifest_of(link)):
        answer = connection.exchange("GET", target.replace("&", spoilt))
        sound = connection.exchange("GET", target)
        assert (answer.status, answer["etag"]) == (200, sound["etag"])
        assert answer.content == sound.content


def test_escaped_ampersand_opens_nothing(connection: Connection) -> None:
    link = signed()
    for more in ("&amp;file=1.jpg", "&amp;name=x", "&amp;expires=1", "&amp;signature=0"):
        assert error(connection.exchange("GET", link + more, JSON)) == NOT_SIGNED


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("tail", ["", "manifest.json"])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        "?expires=",
        f"?expires={2**33}",
        f"?signature={'0' * 64}",
        f"?expires={2**33}&signature=",
        f"?expires={2**33}&signature={'0' * 64}",
        f"?expires=1&signature={'0' * 64}",
        f"?expires=1&signature={'0' * 64}&name=",  # wrong values come later
        f"?expires=1&signature={'0' * 64}&file=no-such-file.jpg",
        "?expires=%ff&signature=%00%ff",
        f"?expires={'9' * 7000}&signature=1",
    ],
)
def test_without_a_signature_existing_and_missing_are_the_same(
    server: Server, method: str, tail: str, query: str
) -> None:
    answers = []
    for archive in (HASH, OTHER_HASH, *MISSING, ".malformed", "a%2Fb", "a" * 300, "%ff"):
        with connected(server.port) as connection:
            answers.append(connection.exchange(method, f"/archive/{archive}/{tail}{query}", JSON))
    first, *others = map(without_date, answers)
    assert first[0] == 403
    if method == "GET":
        assert error(answers[0]) == NOT_SIGNED
    assert all(other == first for other in others)


def without_date(answer: Response) -> tuple[int, list[tuple[str, str]], bytes]:
    lines = [line for line in answer.field_lines if line[0] != "date"]
    return answer.status, lines, answer.content


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (HASH, OTHER_HASH),
        (HASH, MISSING[0]),
        ("expires=", "expires=1"),
        ("name=a&", ""),
        ("file=1.jpg", "file=secret.jpg"),
        ("signature=", "signature=&signature="),
        ("signature=", "sig="),
        ("name=a&file=", "name=a%26file%3D"),
    ],
)
@pytest.mark.parametrize("tail", ["", "manifest.json"])
def test_changed_link_is_refused(connection: Connection, old: str, new: str, tail: str) -> None:
    link = signed(names=["a"], files=["1.jpg", "2.jpg"]).replace("/?", f"/{tail}?")
    assert old in link
    assert connection.exchange("GET", link).status == 200
    assert error(connection.exchange("GET", link.replace(old, new), JSON)) == NOT_SIGNED


@pytest.mark.parametrize("path", OF_AN_ARCHIVE)
def test_no_route_of_an_archive_is_open_without_a_signature(
    connection: Connection, path: str
) -> None:
    assert connection.exchange("GET", path.replace("{hash}", HASH)).status == 403


def test_link_of_a_strange_key_is_refused(connection: Connection) -> None:
    assert error(connection.exchange("GET", signed(key=STRANGE_KEY), JSON)) == NOT_SIGNED


def test_right_signature_of_a_missing_album_is_a_404(connection: Connection) -> None:
    for archive in (*MISSING, ".malformed"):
        answer = connection.exchange("GET", signed(archive), JSON)
        assert error(answer) == (404, "archive_not_found")


def test_right_signature_of_a_wrong_value_is_a_400(connection: Connection) -> None:
    answer = connection.exchange("GET", signed(names=["a/b"]), JSON)
    assert error(answer) == (400, "bad_name")


@pytest.mark.parametrize("archive", [HASH, *MISSING])
def test_redirect_keeps_the_query_and_tells_nothing(connection: Connection, archive: str) -> None:
    link = signed(archive, names=["Лето"])
    for query in (link.partition("?")[2], "expires=1&signature=2"):
        answer = connection.exchange("GET", f"/archive/{archive}?{query}")
        assert (answer.status, answer["location"]) == (301, f"/archive/{archive}/?{query}")


def test_rotation_lets_links_of_the_old_key_work_until_it_is_taken_away(
    serve: Serve, photos_dir: Path
) -> None:
    make_album(photos_dir, FILES)

    def statuses(keys: str) -> list[int]:
        server = serve(variables={"SIGNING_KEYS": keys})
        return [get(server.port, signed(key=key)).status for key in (OLD_KEY, KEY)]

    assert statuses(OLD_KEY) == [200, 403]
    assert statuses(f"{KEY},{OLD_KEY}") == [200, 200]
    assert statuses(KEY) == [403, 200]


@pytest.mark.parametrize("variables", [{}, {"SIGNING_KEYS": "off"}])
def test_without_keys_no_link_needs_a_signature(
    serve: Serve, photos_dir: Path, variables: dict[str, str]
) -> None:
    make_album(photos_dir, FILES)
    server = serve(variables=variables)
    for query in ("", "?expires=1&signature=2", "?expires=&expires="):
        assert get(server.port, f"/archive/{HASH}/{query}").status == 200


def test_shipped_albums_are_not_linked_where_their_links_would_be_refused(tmp_path: Path) -> None:
    with serving(None, tmp_path, variables={"SIGNING_KEYS": KEY}) as server:
        page = get(server.port, "/").content.decode()
    for album in (REPOSITORY / "test_photos").iterdir():
        assert album.name not in page


# Until when


@pytest.mark.parametrize("life_s", [0, -1, -GRACE_S + 60, -GRACE_S - 60])
@pytest.mark.parametrize("tail", ["", "manifest.json"])
@pytest.mark.parametrize("archive", [HASH, *MISSING])
def test_expired_link_is_gone(connection: Connection, archive: str, tail: str, life_s: int) -> None:
    link = signed(archive, life_s=life_s).replace("/?", f"/{tail}?")
    assert error(connection.exchange("GET", link, JSON)) == EXPIRED
    assert connection.exchange("HEAD", link).status == 410


def test_wrong_signature_of_an_expired_link_tells_nothing_of_the_time(
    connection: Connection,
) -> None:
    link = signed(life_s=-60, key=STRANGE_KEY)
    assert error(connection.exchange("GET", link, JSON)) == NOT_SIGNED


def test_download_under_way_when_its_link_expires_is_completed(
    serve: Serve, photos_dir: Path
) -> None:
    size = 64 * 1024 * 1024  # more than sockets hold
    make_sparse(photos_dir / HASH / "large.bin", size)
    server = serve(variables={"SIGNING_KEYS": KEY})
    link = signed(life_s=2)
    with begun(server.port, link) as (connection, length):
        eventually(lambda: get(server.port, link).status == 410)
        connection.open_window()
        assert len(connection.receive_content(length)) > size


@pytest.fixture(scope="module")
def whole(server: Server) -> Response:
    """The archive, as it was answered in time."""
    answer = get(server.port, signed())
    assert answer.status == 200
    return answer


@pytest.mark.parametrize("field", ["If-Range", "If-Match"])
@pytest.mark.parametrize(("byte_range", "start"), [("bytes=1-", 1), ("bytes=100000-", 100_000)])
def test_download_begun_in_time_is_resumed(
    connection: Connection, whole: Response, field: str, byte_range: str, start: int
) -> None:
    for life_s in (-1, -GRACE_S + 60):
        link = signed(life_s=life_s)
        answer = connection.exchange(
            "GET", link, f"Range: {byte_range}", f"{field}: {whole['etag']}"
        )
        assert (answer.status, answer.content) == (206, whole.content[start:])


def test_several_connections_are_resumed(connection: Connection, whole: Response) -> None:
    tag = f"If-Range: {whole['etag']}"
    link = signed(life_s=-60)
    for first, last in ((1, 9), (100, 199), (150_000, 150_999)):
        answer = connection.exchange("GET", link, f"Range: bytes={first}-{last}", tag)
        assert (answer.status, answer.content) == (206, whole.content[first : last + 1])
    answer = connection.exchange("GET", link, "Range: bytes=100-199,50000-50999", tag)
    assert answer.status == 206
    assert answer["content-type"].startswith("multipart/byteranges")


@pytest.mark.parametrize(
    "lines",
    [
        ("Range: bytes=100-",),  # as curl -C - and wget -c ask
        ("Range: bytes=100-", 'If-Range: "other"'),
        ("Range: bytes=100-", "If-Range: {date}"),
        ("Range: bytes=100-", "If-Range: {etag}", "If-Range: {etag}"),
        ("Range: bytes=100-", "If-Match: *"),
        ("Range: bytes=100-", "If-Unmodified-Since: {date}"),
        ("If-Range: {etag}",),
        ("If-None-Match: {etag}",),
        ("Range: bytes=0-", "If-Range: {etag}"),  # that would be a new download
        ("Range: bytes=99999999-", "If-Range: {etag}"),
    ],
)
def test_anything_but_a_resume_is_gone(
    connection: Connection, whole: Response, lines: Sequence[str]
) -> None:
    filled = [line.format(etag=whole["etag"], date=whole["last-modified"]) for line in lines]
    answer = connection.exchange("GET", signed(life_s=-60), *filled, JSON)
    assert error(answer) == EXPIRED


def test_after_the_grace_period_a_resume_is_gone_too(
    connection: Connection, whole: Response
) -> None:
    link = signed(life_s=-GRACE_S - 1)
    tag = f"If-Range: {whole['etag']}"
    assert error(connection.exchange("GET", link, "Range: bytes=100-", tag, JSON)) == EXPIRED


def test_head_and_manifest_are_no_resume(connection: Connection, whole: Response) -> None:
    link = signed(life_s=-60)
    lines = ("Range: bytes=100-", f"If-Range: {whole['etag']}")
    assert connection.exchange("HEAD", link, *lines).status == 410
    assert connection.exchange("GET", manifest_of(link), *lines).status == 410


def test_resume_of_another_subset_is_gone(connection: Connection, whole: Response) -> None:
    link = signed(life_s=-60, files=["1.jpg"])
    tag = f"If-Range: {whole['etag']}"
    assert error(connection.exchange("GET", link, "Range: bytes=100-", tag, JSON)) == EXPIRED


def test_grace_period_is_a_setting(serve: Serve, photos_dir: Path) -> None:
    make_album(photos_dir, FILES)
    variables = {"SIGNING_KEYS": KEY}
    servers = [serve("--signature-grace", each, variables=variables) for each in ("0", "7200")]
    whole = get(servers[0].port, signed())
    link = signed(life_s=-HOUR_S)
    lines = ("Range: bytes=100-", f"If-Range: {whole['etag']}")
    assert [get(server.port, link, *lines).status for server in servers] == [410, 206]


def test_album_that_changed_meanwhile_is_not_resumed(serve: Serve, photos_dir: Path) -> None:
    make_album(photos_dir, FILES)
    server = serve(variables={"SIGNING_KEYS": KEY})
    lines = ("Range: bytes=100-", f"If-Range: {get(server.port, signed())['etag']}")
    assert get(server.port, signed(life_s=-60), *lines).status == 206
    make_album(photos_dir, {"3.jpg": b"new"})
    assert get(server.port, signed(life_s=-60), *lines).status == 410


# What others can learn


@pytest.mark.parametrize("language", ["ru", "en"])
def test_pages_say_what_happened(connection: Connection, language: str) -> None:
    words = {
        "ru": ("Ссылка недействительна", "Срок действия ссылки истёк"),
        "en": ("This link is not valid", "This link has expired"),
    }
    links = (signed(key=STRANGE_KEY), signed(life_s=-60))
    for link, title in zip(links, words[language], strict=True):
        answer = connection.exchange("GET", link, f"Accept-Language: {language}")
        assert title in answer.content.decode()
        assert HASH[:6] not in answer.content.decode()
        assert answer["cache-control"] == "private, no-cache"


def test_log_tells_of_refusals_without_signature_and_key(server: Server) -> None:
    seen = len(server.lines)
    links = [signed(key=STRANGE_KEY), signed(life_s=-60), signed()]
    for link in links:
        get(server.port, link)
    server.wait_for(rf"event=link\.refused archive={HASH[:6]}… reason=.not signed", after=seen)
    server.wait_for(rf"event=link\.refused archive={HASH[:6]}… reason=expired", after=seen)
    server.wait_for(r"event=download\.finished", after=seen)
    for line in server.lines:
        assert HASH not in line
        assert not any(key in line for key in (KEY, OLD_KEY))
        assert not any(link.rpartition("=")[2] in line for link in links)


def test_arguments_of_the_process_hold_no_key(serve: Serve) -> None:
    server = serve(variables={"SIGNING_KEYS": KEY}, afresh=True)
    process = Path(f"/proc/{server.pid}")
    if not process.exists():
        pytest.skip("no /proc here")
    for name in ("cmdline", "comm"):
        assert KEY.encode() not in (process / name).read_bytes()
