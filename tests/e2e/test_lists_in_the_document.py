"""The code of lists in docs/integration.md and its twin: a shop writes one, a visitor gets it."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from harness.albums import make_album
from harness.documents import blocks, output_of, section
from harness.http import get
from harness.readers import need
from harness.server import Server, serving

LISTS = {"integration.md": "An archive from a list", "integration.ru.md": "Архив по списку"}
SIGNING = {
    "integration.md": "Signed links that expire",
    "integration.ru.md": "Подписанные ссылки со сроком действия",
}
KEY = "Kd/8+x1~a.b_c-d="
WEDDING, PARTY = "3bea29ccabbbf64bdebcc055319c5745", "af1ad8c76fda2e48ea9aed2937e972ea"
# Arguments in their order: key, directory, files as JSON, name, expiry.
PHP = """<?php
{}
[, $key, $directory, $files, $name, $expires] = $argv;
$hash = write_list($directory, json_decode($files, true), $name);
echo signed_link($key, $hash, (int) $expires);
"""
PYTHON = """
{}
import sys

key, directory, files, name, expires = sys.argv[1:]
print(signed_link(key, write_list(directory, json.loads(files), name), int(expires)))
"""
NODE = """
{}
const [key, directory, files, name, expires] = process.argv.slice(2);
console.log(signedLink(key, writeList(directory, JSON.parse(files), name), Number(expires)));
"""
PROGRAMS = {
    "php": (PHP, ("php",)),
    "python": (PYTHON, (sys.executable, "-X", "utf8")),
    "js": (NODE, ("node",)),
}


@dataclass(frozen=True)
class Shop:
    server: Server
    lists_dir: Path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = tmp_path_factory.mktemp("shop")
    make_album(root / "photos", {"1.jpg": b"one", "2.jpg": b"two"}, WEDDING)
    make_album(root / "photos", {"Отпуск 'и' море.jpg": b"sea", "sub/3.jpg": b"three"}, PARTY)
    (root / "lists").mkdir()
    flags = ("--lists-dir", str(root / "lists"))
    cache_dir = tmp_path_factory.mktemp("cache")
    variables = {"SIGNING_KEYS": KEY}
    with serving(root / "photos", cache_dir, *flags, variables=variables) as server:
        yield Shop(server, root / "lists")


@pytest.mark.parametrize("document", LISTS)
@pytest.mark.parametrize("language", PROGRAMS)
def test_the_documented_code_writes_a_list_and_signs_its_link(
    shop: Shop, tmp_path: Path, document: str, language: str
) -> None:
    need(*{"php": ["php"], "js": ["node"]}.get(language, []))
    template, interpreter = PROGRAMS[language]
    [write] = blocks(section(f"docs/{document}", LISTS[document]), language)
    sign = blocks(section(f"docs/{document}", SIGNING[document]), language)[0]
    program = tmp_path / f"program.{language}"
    program.write_text(template.replace("{}", f"{sign}\n{write}"), encoding="utf-8")
    files = [
        {"path": f"{WEDDING}/1.jpg", "as": "Свадьба/001.jpg"},
        {"path": f"{PARTY}/", "as": "Party/"},
        {"text": "Спасибо, \"100%\" / 'да'\n", "as": "README.txt"},
    ]
    expires = str(int(time.time()) + 3600)
    arguments = (KEY, str(shop.lists_dir), json.dumps(files), "Заказ 1234", expires)
    link = output_of(*interpreter, str(program), *arguments)
    answer = get(shop.server.port, link)
    assert answer.status == 200
    assert "%D0%97%D0%B0%D0%BA%D0%B0%D0%B7%201234.zip" in answer["content-disposition"]
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted(
            ["Свадьба/001.jpg", "Party/Отпуск 'и' море.jpg", "Party/sub/3.jpg", "README.txt"]
        )
        assert archive.read("README.txt").decode() == files[2]["text"]
    assert get(shop.server.port, link.replace("expires=", "expires=1")).status == 403
    assert not [path for path in shop.lists_dir.iterdir() if path.suffix != ".json"]


@pytest.mark.parametrize("document", LISTS)
def test_the_example_of_the_document_is_a_list(tmp_path: Path, document: str) -> None:
    text = section(f"docs/{document}", LISTS[document])
    found = re.search(r"\n\n(    \{.*?\}\]\})\n", text, re.DOTALL)
    assert found
    example = json.loads(found[1])
    assert [sorted(entry) for entry in example["files"]] == [
        ["as", "path"],
        ["as", "path"],
        ["as", "text"],
    ]
    make_album(tmp_path / "photos", {"1.jpg": b"one"}, WEDDING)
    make_album(tmp_path / "photos", {"2.jpg": b"two"}, PARTY)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "order.json").write_text(found[1], encoding="utf-8")
    with serving(tmp_path / "photos", tmp_path, "--lists-dir", str(tmp_path / "lists")) as server:
        answer = get(server.port, "/archive/order/")
    names = ZipFile(BytesIO(answer.content)).namelist()
    assert names == ["Party/2.jpg", "README.txt", "Wedding/001.jpg"]


def test_both_documents_have_the_same_code() -> None:
    for language in PROGRAMS:
        english, russian = (
            blocks(section(f"docs/{name}", heading), language) for name, heading in LISTS.items()
        )
        assert english == russian
