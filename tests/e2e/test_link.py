"""`archive-service link` as an operator runs it, and its links as the server takes them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from conftest import Serve
from harness.albums import HASH, make_album
from harness.commands import run_command
from harness.http import get
from harness.server import REPOSITORY, environment

KEY, OTHER_KEY = "key-of-0123456789", "other-key-of-0123456789"
LEEWAY_S = 60
WEEK_S = 7 * 86400


def run(
    cwd: Path, *arguments: str, keys: str | None = KEY, **variables: str
) -> subprocess.CompletedProcess[str]:
    variables |= {} if keys is None else {"SIGNING_KEYS": keys}
    return run_command(["link", *arguments], cwd, variables=variables)


def printed(cwd: Path, *arguments: str, keys: str | None = KEY) -> str:
    done = run(cwd, *arguments, keys=keys)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    return line


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("archive-service link: ")
    assert not any(key in done.stderr for key in (KEY, OTHER_KEY))
    return last


def expiry_of(link: str) -> int:
    return int(dict(parse_qsl(urlsplit(link).query))["expires"])


def test_link_opens_what_it_names(serve: Serve, photos_dir: Path, tmp_path: Path) -> None:
    files = {"Отпуск & море.jpg": b"x", "day 1/a+b%.jpg": b"y", "3.jpg": b"z"}
    make_album(photos_dir, files)
    server = serve(variables={"SIGNING_KEYS": f"{KEY},{OTHER_KEY}"})
    link = printed(
        tmp_path, HASH, "--name", "Лето '26", "--file", "Отпуск & море.jpg", "--file", "day 1/"
    )
    assert get(server.port, link).status == 200
    manifest = json.loads(get(server.port, link.replace("/?", "/manifest.json?")).content)
    assert [file["name"] for file in manifest["files"]] == ["day 1/a+b%.jpg", "Отпуск & море.jpg"]
    assert get(server.port, link.replace(HASH, HASH[::-1])).status == 403


def test_first_key_signs(serve: Serve, photos_dir: Path, tmp_path: Path) -> None:
    make_album(photos_dir, {"1.jpg": b"1"})
    server = serve(variables={"SIGNING_KEYS": KEY})
    links = [printed(tmp_path, HASH, keys=keys) for keys in (f"{KEY},{OTHER_KEY}", OTHER_KEY)]
    assert [get(server.port, link).status for link in links] == [200, 403]


def test_key_is_read_from_the_file(serve: Serve, photos_dir: Path, tmp_path: Path) -> None:
    make_album(photos_dir, {"1.jpg": b"1"})
    (tmp_path / ".env").write_text(f"SIGNING_KEYS={KEY}\nPHOTOS_DIR=/does/not/exist\n")
    server = serve(variables={"SIGNING_KEYS": KEY})
    assert get(server.port, printed(tmp_path, HASH, keys=None)).status == 200


@pytest.mark.parametrize(
    ("flags", "life_s"),
    [
        ((), WEEK_S),
        (("--expires-in", "45s"), 45),
        (("--expires-in", "90m"), 90 * 60),
        (("--expires-in", "12h"), 12 * 3600),
        (("--expires-in", "7d"), WEEK_S),
        (("--expires-in", "2w"), 2 * WEEK_S),
    ],
)
def test_link_works_for_as_long_as_asked(
    tmp_path: Path, flags: tuple[str, ...], life_s: int
) -> None:
    before_s = int(time.time())
    expires_s = expiry_of(printed(tmp_path, HASH, *flags))
    assert before_s + life_s <= expires_s <= before_s + life_s + LEEWAY_S


def test_link_ends_at_the_time_given(tmp_path: Path) -> None:
    moment_s = int(time.time()) + 1000
    assert expiry_of(printed(tmp_path, HASH, "--expires", str(moment_s))) == moment_s


@pytest.mark.parametrize(
    ("base", "start"),
    [
        (None, "/archive/"),
        ("https://example.org", "https://example.org/archive/"),
        ("https://example.org/", "https://example.org/archive/"),
        ("http://[::1]:8080", "http://[::1]:8080/archive/"),
        ("https://пример.рф/фото", "https://пример.рф/фото/archive/"),
    ],
)
def test_link_begins_with_the_base(tmp_path: Path, base: str | None, start: str) -> None:
    flags = () if base is None else ("--base", base)
    assert printed(tmp_path, HASH, *flags).startswith(f"{start}{HASH}/?expires=")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "HASH"),
        ((".hidden",), "argument HASH: takes letters, digits"),
        (("a/b",), "argument HASH"),
        (("",), "argument HASH"),
        ((HASH, "--name", "a/b"), "argument --name: takes 1 to 150 characters"),
        ((HASH, "--name", ""), "argument --name"),
        ((HASH, "--name", "я" * 151), "argument --name"),
        ((HASH, "--file", ""), "argument --file"),
        ((HASH, "--file", "\udcff"), "argument --file"),
        ((HASH, "--expires-in", "7"), "argument --expires-in: takes a number and s, m, h, d or w"),
        ((HASH, "--expires-in", "0d"), "argument --expires-in"),
        ((HASH, "--expires-in", "-1d"), "argument --expires-in"),
        ((HASH, "--expires-in", "1.5.5d"), "argument --expires-in"),
        ((HASH, "--expires-in", "infd"), "argument --expires-in"),
        ((HASH, "--expires-in", "999999999999w"), "takes a time after now"),
        ((HASH, "--expires", "soon"), "argument --expires: takes a Unix time"),
        ((HASH, "--expires", "1000"), "takes a time after now"),
        ((HASH, "--expires", "999999999999"), "takes a time after now"),
        ((HASH, "--expires", "2000000000", "--expires-in", "7d"), "not allowed with"),
        ((HASH, "--base", "example.org"), "argument --base: takes the address of a site"),
        ((HASH, "--base", "https://"), "argument --base"),
        ((HASH, "--base", "https://example.org/?a=b"), "argument --base"),
        ((HASH, "--expire", "2000000000"), "--expire"),
        ((HASH, HASH), HASH),
    ],
)
def test_wrong_argument_is_refused(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    assert reason in refused(run(tmp_path, *arguments))


@pytest.mark.parametrize("keys", [None, "off"])
def test_without_a_key_it_says_what_to_do(tmp_path: Path, keys: str | None) -> None:
    said = refused(run(tmp_path, HASH, keys=keys))
    assert "SIGNING_KEYS is not set" in said
    assert "openssl rand -hex 32" in said


def test_an_empty_key_is_a_lost_secret(tmp_path: Path) -> None:
    said = refused(run(tmp_path, HASH, keys=""))
    assert "SIGNING_KEYS: is set, but empty" in said
    assert "openssl rand -hex 32" in said


def test_a_misspelt_key_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"SIGNING_KEY={KEY}\n")
    assert "is it SIGNING_KEYS?" in refused(run(tmp_path, HASH, keys=None))


@pytest.mark.parametrize("is_in_file", [True, False])
def test_nothing_slow_is_imported(tmp_path: Path, *, is_in_file: bool) -> None:
    if is_in_file:
        (tmp_path / ".env").write_text(f"SIGNING_KEYS={KEY}\n")
    code = (
        "import sys\n"
        "from archive_service.cli.link import main\n"
        f"assert main(['{HASH}']) == 0\n"
        "sys.exit(', '.join({'aiohttp', 'asyncio'} & set(sys.modules)) or 0)\n"
    )
    variables = {"PYTHONPATH": str(REPOSITORY)} | ({} if is_in_file else {"SIGNING_KEYS": KEY})
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_wrong_keys_are_told_and_not_shown(tmp_path: Path) -> None:
    assert "SIGNING_KEYS: wrong value" in refused(run(tmp_path, HASH, keys=f"{KEY},{OTHER_KEY},x"))


def test_help_explains_every_parameter(tmp_path: Path) -> None:
    done = run(tmp_path, "-h", keys=None)
    assert done.returncode == 0
    assert done.stderr == ""
    for parameter in ("HASH", "--name", "--file", "--expires-in", "--expires", "--base"):
        assert re.search(rf"(?m)^  {parameter}\b.*(\n {{5}}.*)*", done.stdout)
    assert "SIGNING_KEYS" in done.stdout
