"""The code of signed links in docs/integration.md and its twin, run by its own interpreters."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from harness.albums import HASH, make_album
from harness.documents import blocks, output_of, section
from harness.http import get
from harness.readers import need
from harness.server import Server, serving

from archive_service.archive.signed_link import Link

DOCUMENTS = {
    "integration.md": "Signed links that expire",
    "integration.ru.md": "Подписанные ссылки со сроком действия",
}
KEY, OTHER_KEY = "Kd/8+x1~a.b_c-d=", "another-0123456789"
OTHER_HASH = "fedcba9876543210fedcba9876543210"
TIMEOUT_S = 120.0
NAMES = (
    "Summer",
    "Лето & море",
    "100% «тест» + ещё?",
    """It's "so" `$HOME` $(id) !1 (2) *""",
    "a=b;c#d,e:f@g[h]~-_.|<>{}^",
    "%41%2F&file=1.jpg",
    "-n",
    "  two  spaces  ",
    "фото 📷 ½ é",
    "写真",
)
FILES = (
    "1.jpg",
    "Отпуск 'и' море.jpg",
    "a b+c.jpg",
    "100%.jpg",
    "%31.jpg",
    "a&b=c;d#e.jpg",
    "!(1)~.jpg",
    "-e.jpg",
    "$HOME `id`.jpg",
    "📷.jpg",
)
DIRECTORY = "day 1/"

# Arguments in their order: key, hash, expiry, name, files; an empty name is none.
PHP = """<?php
{}
[, $key, $hash, $expires, $name] = $argv;
echo signed_link($key, $hash, (int) $expires, $name === '' ? null : $name, array_slice($argv, 5));
"""
PYTHON = """
{}
import sys

key, hash, expires, name, *files = sys.argv[1:]
print(signed_link(key, hash, int(expires), name or None, files))
"""
NODE = """
{}
const [key, hash, expires, name, ...files] = process.argv.slice(2);
console.log(signedLink(key, hash, Number(expires), name === "" ? null : name, files));
"""
SHELL = """
{}
signed_link "$@"
"""
PROGRAMS = {
    "php": (PHP, ("php",)),
    "python": (PYTHON, (sys.executable, "-X", "utf8")),
    "js": (NODE, ("node",)),
    "sh": (SHELL, ("sh",)),
}
LANGUAGES = tuple(PROGRAMS)

Sign = Callable[..., str]


def document(name: str) -> str:
    """Return what a document says of signed links."""
    return section(f"docs/{name}", DOCUMENTS[name])


def code(name: str, language: str) -> list[str]:
    """Return the blocks of a document that are in a language."""
    return blocks(document(name), language)


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    need(*{"php": ["php"], "js": ["node"], "sh": ["openssl", "awk", "od"]}.get(request.param, []))
    return str(request.param)


@pytest.fixture(params=DOCUMENTS)
def sign(request: pytest.FixtureRequest, language: str, tmp_path: Path) -> Sign:
    """Sign as the document does."""
    template, interpreter = PROGRAMS[language]
    program = tmp_path / f"program.{language}"
    program.write_text(template.replace("{}", code(request.param, language)[0]), encoding="utf-8")

    def sign(
        name: str = "", files: Sequence[str] = (), *, key: str = KEY, life_s: int = 3600
    ) -> str:
        expires_s = int(time.time()) + life_s
        arguments = (key, HASH, str(expires_s), name, *files)
        return output_of(*interpreter, str(program), *arguments).strip()

    return sign


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos_dir = tmp_path_factory.mktemp("photos")
    album = {file: file.encode() for file in FILES} | {f"{DIRECTORY}2.jpg": b"below"}
    make_album(photos_dir, album)
    make_album(photos_dir, album, OTHER_HASH)
    cache_dir = tmp_path_factory.mktemp("cache")
    with serving(
        photos_dir,
        cache_dir,
        *("--no-portable-names",),  # so that files are listed under the names they were given
        variables={"SIGNING_KEYS": f"{OTHER_KEY},{KEY}"},
    ) as server:
        yield server


def listed(server: Server, link: str) -> list[str]:
    answer = get(server.port, link.replace("/?", "/manifest.json?"))
    assert answer.status == 200
    return [file["name"] for file in json.loads(answer.content)["files"]]


def test_link_with_every_hard_file_is_accepted(server: Server, sign: Sign) -> None:
    link = sign("", [*FILES, DIRECTORY])
    assert sorted(listed(server, link)) == sorted([*FILES, f"{DIRECTORY}2.jpg"])
    assert get(server.port, link).status == 200


def test_link_without_name_and_files_is_accepted(server: Server, sign: Sign) -> None:
    link = sign()
    assert "name" not in link
    assert get(server.port, link).status == 200


@pytest.mark.parametrize("name", NAMES)
def test_link_with_a_hard_name_is_accepted(server: Server, sign: Sign, name: str) -> None:
    link = sign(name, ["1.jpg"])
    assert get(server.port, link, "Range: bytes=0-0").status == 206
    assert listed(server, link) == ["1.jpg"]


def test_link_is_the_one_that_the_service_would_write(sign: Sign) -> None:
    for name in NAMES[:4]:
        link = sign(name, FILES[:4])
        expires_s = int(re.findall(r"expires=(\d+)", link)[0])
        assert link == Link(HASH, expires_s, [name], FILES[:4]).signed(KEY.encode())


def test_tampered_link_is_refused(server: Server, sign: Sign) -> None:
    link = sign("Лето", ["1.jpg", "100%.jpg"])
    assert get(server.port, link).status == 200
    for old, new in (
        (HASH, OTHER_HASH),
        ("expires=", "expires=1"),
        ("name=%D0%9B", "name=%D0%9C"),
        ("file=1.jpg", "file=%2531.jpg"),
        ("&file=100%25.jpg", ""),
        ("signature=", "signature=0"),
        ("&signature", "&file=a%20b%2Bc.jpg&signature"),
    ):
        assert old in link
        assert get(server.port, link.replace(old, new)).status == 403


def test_link_of_another_key_or_time_is_refused(server: Server, sign: Sign) -> None:
    assert get(server.port, sign(key=OTHER_KEY)).status == 200
    assert get(server.port, sign(key=KEY[::-1])).status == 403
    assert get(server.port, sign(life_s=-60)).status == 410


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("title", ["Лето & море / \\ 100%", "<b>\"'", "я" * 200])
def test_template_shows_link_and_size(
    server: Server, tmp_path: Path, name: str, title: str
) -> None:
    need("php")
    function, template = code(name, "php")
    (tmp_path / "function.php").write_text(f"<?php {function}", encoding="utf-8")
    values = f"<?php require 'function.php'; [, $key, $hash, $title] = $argv; ?>{template}"
    page = values.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
    (tmp_path / "page.php").write_text(page, encoding="utf-8")
    shown = output_of("php", str(tmp_path / "page.php"), KEY, HASH, title)
    found = re.search(r'href="([^"]+)"', shown)
    assert found
    answer = get(server.port, found[1].replace("&amp;", "&"))
    assert answer.status == 200
    assert f"{len(FILES) + 1} files, 0.0 MB" in shown


@pytest.mark.parametrize("name", DOCUMENTS)
def test_example_has_its_signature(name: str) -> None:
    found = re.search(
        r"`(correct-horse[\w-]+)`.*?\n\n    (/archive/(\w+)/\?expires=(\d+)\S+)\n    (\w{64})\n",
        document(name),
    )
    assert found
    key, text, archive, expires_s, signature = found.groups()
    link = Link(archive, int(expires_s), ("Лето",), ("1.jpg",))
    assert (link.text(), link.signature(key.encode())) == (text, signature)


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_documents_have_the_same_code(language: str) -> None:
    english, russian = (code(name, language) for name in DOCUMENTS)
    assert english
    assert english == russian
