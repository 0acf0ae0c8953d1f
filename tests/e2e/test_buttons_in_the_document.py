"""The buttons of docs/integration.md and its twin, each run by what it is written for."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from html import unescape
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode
from zipfile import ZipFile

import pytest
from harness.albums import HASH, make_album
from harness.documents import blocks, output_of, section
from harness.http import Response, connected, get
from harness.readers import go_without, need
from harness.server import Server, serving

TIMEOUT_S = 120.0
WORDPRESS = Path(os.environ.get("WORDPRESS", "/usr/share/wordpress")) / "wp-includes"
KEY = "key-of-0123456789"
TITLES = ("Summer", "Лето & море / \\ 100%", """It's <b>"so"</b>""", "я" * 200, "")

Show = Callable[[str, str], str]
"""Takes a hash and a title; returns the HTML of the button."""


ENGLISH = section("docs/integration.md", "Buttons for a site")
RUSSIAN = section("docs/integration.ru.md", "Кнопка на сайте")
SIGNING = section("docs/integration.md", "Signed links that expire")
FUNCTIONS, PAGE, WORDPRESS_CODE, BITRIX, CHOSEN = blocks(ENGLISH, "php")
(DJANGO_CODE,) = blocks(ENGLISH, "python")
(DJANGO_TEMPLATE,) = blocks(ENGLISH, "django")
(NODE,) = blocks(ENGLISH, "js")
(FORM,) = blocks(ENGLISH, "html")


PARTS = section("docs/integration.md", "A large album in parts")
PARTS_RUSSIAN = section("docs/integration.ru.md", "Большой альбом по частям")
MANY = section("docs/integration.md", "Many buttons on a page")
MANY_RUSSIAN = section("docs/integration.ru.md", "Много кнопок на странице")


@pytest.mark.parametrize("language", ["php", "python", "js"])
def test_both_documents_ask_for_many_albums_by_the_same_code(language: str) -> None:
    assert blocks(MANY, language) == blocks(MANY_RUSSIAN, language) != []


def patient(code: str) -> str:
    """Have the code wait for a busy machine; a site shows no button after two seconds."""
    return re.sub(r"((?:timeout' => |timeout=))2\b|timeout\(2000\)", _longer, code)


def _longer(found: re.Match[str]) -> str:
    return f"{found[1]}60" if found[1] else "timeout(60000)"


@pytest.mark.parametrize("language", ["php", "python", "js"])
def test_many_albums_are_asked_for_at_once(language: str, server: Server, tmp_path: Path) -> None:
    (code,) = blocks(MANY, language)
    code = patient(code).replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
    hashes = json.dumps([HASH, "gone", "a b&c"])
    before, after, command = {
        "php": ("<?php", f"echo json_encode(archive_summaries({hashes}));", ["php"]),
        "python": ("", f"print(json.dumps(archive_summaries({hashes})))", [sys.executable]),
        "js": ("", f"archiveSummaries({hashes}).then(JSON.stringify).then(console.log)", ["node"]),
    }[language]
    need(command[0])
    page = tmp_path / "page"
    page.write_text(f"{before}\n{code}\n{after}\n", encoding="utf-8")
    (found,) = json.loads(output_of(*command, str(page))).items()
    assert (found[0], found[1]["count"]) == (HASH, 3)


@pytest.mark.parametrize("language", ["php", "python", "js"])
def test_both_documents_list_parts_by_the_same_code(language: str) -> None:
    assert blocks(PARTS, language) == blocks(PARTS_RUSSIAN, language) != []


@pytest.mark.parametrize("language", ["php", "python", "js"])
def test_parts_are_listed_with_links(language: str, server: Server, tmp_path: Path) -> None:
    (code,) = blocks(PARTS, language)
    code = patient(code).replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
    link, none = f"/archive/{HASH}/?name=A%26B", "/archive/none/?"
    before, after, command = {
        "php": ("<?php", "echo archive_parts('{}', '{}');", ["php"]),
        "python": ("", "print(archive_parts('{}', '{}'))", [sys.executable]),
        "js": ("", "archiveParts('{}', '{}').then(console.log)", ["node"]),
    }[language]
    need(command[0])
    page = tmp_path / "page"

    def listed(link: str, size: str) -> str:
        page.write_text(f"{before}\n{code}\n{after.format(link, size)}\n", encoding="utf-8")
        return output_of(*command, str(page)).strip()

    get(server.port, link)  # the album was made a moment ago
    html = listed(link, "1100K")
    parts = [get(server.port, unescape(href)) for href in re.findall(r'href="([^"]+)"', html)]
    assert re.findall(r">(Part [^<]+)<", html) == ["Part 1, 1.0 MB", "Part 2, 0.5 MB"]
    names = [ZipFile(BytesIO(part.content)).namelist() for part in parts]
    assert names == [["1.jpg"], ["2.jpg", "3.jpg"]]
    assert listed(link, "4G") == listed(none, "4G") == ""


@pytest.mark.parametrize("language", ["php", "python", "django", "js", "html"])
def test_both_documents_have_the_same_code(language: str) -> None:
    english, russian = (blocks(text, language) for text in (ENGLISH, RUSSIAN))
    assert english
    assert english == russian


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos_dir, cache_dir = map(tmp_path_factory.mktemp, ("photos", "cache"))
    make_album(photos_dir, {"1.jpg": b"1" * 1_000_000, "2.jpg": b"2" * 500_000, "3.jpg": b"3"})
    with serving(photos_dir, cache_dir) as server:
        yield server


@pytest.fixture(params=["plain", "wordpress", "bitrix", "django", "node"])
def show(request: pytest.FixtureRequest, tmp_path: Path, server: Server) -> Show:
    """Show the button as one of the sites does."""

    def written(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            patient(text).replace("127.0.0.1:8080", f"127.0.0.1:{server.port}"), encoding="utf-8"
        )
        return str(path)

    def php(before: str, template: str) -> Show:
        need("php")
        page = written(
            "page.php", f"<?php {FUNCTIONS} [, $hash, $title] = $argv; {before}?>{template}"
        )
        return lambda archive, title: output_of("php", page, archive, title)

    def wordpress() -> Show:
        if not WORDPRESS.exists():
            go_without("WordPress is not installed")
        core = "".join(
            f"require '{WORDPRESS}/{name}.php';" for name in ("plugin", "formatting", "shortcodes")
        )
        # As a person writes it in a post; the quotes of an attribute can't be in it.
        typed = "$title = strtr($title, ['\"' => '”', '<' => '‹', '>' => '›']);"
        return php(
            f"{core} {WORDPRESS_CODE} {typed}",
            """<?= do_shortcode("[archive hash=\\"$hash\\" name=\\"$title\\"]") ?>""",
        )

    def bitrix() -> Show:
        result = "$arResult = ['NAME' => $title, 'PROPERTIES' => ['ALBUM' => ['VALUE' => $hash]]];"
        return php(result, BITRIX)

    def django() -> Show:
        pytest.importorskip("django")
        written("site_of_tests/templatetags/__init__.py", "")
        written("site_of_tests/__init__.py", "")
        written("site_of_tests/templatetags/archive.py", DJANGO_CODE)
        written("album.html", DJANGO_TEMPLATE)
        page = written(
            "page.py",
            f"""
import sys
import django
from django.conf import settings
from django.template.loader import render_to_string
settings.configure(INSTALLED_APPS=["site_of_tests"], TEMPLATES=[{{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [{str(tmp_path)!r}]}}])
django.setup()
album = dict(zip(("hash", "title"), sys.argv[1:]))
print(render_to_string("album.html", {{"album": album}}))
""",
        )
        return lambda archive, title: output_of(
            sys.executable, "-X", "utf8", page, archive, title, PYTHONPATH=str(tmp_path)
        )

    def node() -> Show:
        need("node")
        call = "archiveButton(archiveLink(process.argv[2], process.argv[3])).then(console.log);"
        page = written("page.js", f"{NODE}\n{call}")
        return lambda archive, title: output_of("node", page, archive, title)

    return {
        "plain": lambda: php("", PAGE),
        "wordpress": wordpress,
        "bitrix": bitrix,
        "django": django,
        "node": node,
    }[request.param]()


@pytest.mark.parametrize("title", TITLES)
def test_the_button_tells_the_size_and_leads_to_the_album(
    server: Server, show: Show, title: str
) -> None:
    button = show(HASH, title)
    assert "Download all photos: 3 files, 1.5 MB" in button
    found = re.fullmatch(r'<a rel="nofollow" href="([^"]+)">[^<]*</a>', button)
    assert found, button
    answer = get(server.port, unescape(found[1]))
    assert answer.status == 200
    assert ("filename=" in answer["content-disposition"]) is True


@pytest.mark.parametrize("archive", ["fedcba9876543210", "", "../etc", "a b"])
def test_where_there_is_no_album_there_is_no_button(show: Show, archive: str) -> None:
    assert show(archive, "Summer") == ""


def test_where_the_service_does_not_answer_there_is_no_button(show: Show, server: Server) -> None:
    server.stop()
    assert show(HASH, "Summer") == ""


def test_the_form_of_chosen_pictures_leads_to_their_archive(tmp_path: Path) -> None:
    (action,) = re.findall(r'<form method="post" action="([^"]+)">', FORM)
    fields = re.findall(r'name="(file|name)" value="([^"]+)"', FORM)
    make_album(tmp_path, {"1.jpg": b"1", "2.jpg": b"2", "3.jpg": b"3"}, action.split("/")[2])
    cache_dir = tmp_path / ".cache"
    cache_dir.mkdir()
    with serving(tmp_path, cache_dir) as server:
        answer = get(server.port, submitted(server.port, action, fields))
    assert names_in(answer) == ["1.jpg", "2.jpg"]
    assert 'filename="Chosen.zip"' in answer["content-disposition"]


def test_the_form_goes_to_a_signed_link(tmp_path: Path) -> None:
    sign, _ = blocks(SIGNING, "php")
    settings = f"$key = '{KEY}'; $hash = '{HASH}';"
    need("php")
    page, cache_dir = tmp_path / "page.php", tmp_path / "cache"
    cache_dir.mkdir()
    page.write_text(f"<?php {sign} {settings} ?>{CHOSEN}", encoding="utf-8")
    make_album(tmp_path / "photos", {"1.jpg": b"1", "Лето & 2.jpg": b"2", "3.jpg": b"3"})
    (action,) = re.findall(r'action="([^"]+)"', output_of("php", str(page)))
    chosen = [("file", "1.jpg"), ("file", "Лето & 2.jpg")]
    with serving(tmp_path / "photos", cache_dir, variables={"SIGNING_KEYS": KEY}) as server:
        answer = get(server.port, submitted(server.port, unescape(action), chosen))
    assert names_in(answer) == ["1.jpg", "Лето & 2.jpg"]


def submitted(port: int, action: str, fields: list[tuple[str, str]]) -> str:
    """Send a form as a browser does; return where the answer leads."""
    text = urlencode(fields)
    with connected(port) as connection:
        connection.send(
            "POST",
            action,
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(text)}",
        )
        connection.socket.sendall(text.encode())
        answer = connection.receive()
    assert answer.status == 303
    return answer["location"]


def names_in(answer: Response) -> list[str]:
    assert answer.status == 200
    with ZipFile(BytesIO(answer.content)) as archive:
        return archive.namelist()
