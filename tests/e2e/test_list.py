"""`archive-service list` as who makes a shop uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from harness.albums import HASH, make_album
from harness.commands import run_command
from harness.http import get
from harness.lists import write_list
from harness.server import REPOSITORY, environment, serving

OTHER = "af1ad8c76fda2e48ea9aed2937e972ea"
FILES = {"foo.txt": b"foo", "bar.txt": b"bar!", "day 1/море+.jpg": b"sea", "none.part": b"half"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    make_album(tmp_path / "photos", FILES)
    make_album(tmp_path / "photos", {"1.jpg": b"one"}, OTHER)
    (tmp_path / "lists").mkdir()
    return tmp_path


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    flags = ("--photos-dir", str(site / "photos"), "--lists-dir", str(site / "lists"))
    return run_command(("list", *arguments, *flags), site)


def written(site: Path, *arguments: str, lines: str | None = None) -> Any:  # noqa: ANN401 - JSON
    """Return the list that the command prints; lines are its standard input."""
    if lines is None:
        done = run(site, "write", *arguments)
    else:
        done = subprocess.run(
            [sys.executable, "-m", "archive_service", "list", "write", *arguments],
            cwd=site,
            env=environment(
                {"PYTHONPATH": str(REPOSITORY), "PHOTOS_DIR": "photos", "LISTS_DIR": "lists"}
            ),
            input=lines,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_list_is_written_of_paths(site: Path) -> None:
    paths = (f"{HASH}/foo.txt", f"{OTHER}/", f"{HASH}/bar.txt\tDocuments/Bar.txt")
    assert written(site, *paths, "--name", "Заказ", "--skip-missing") == {
        "name": "Заказ",
        "missing": "skip",
        "files": [
            {"path": f"{HASH}/foo.txt"},
            {"path": f"{OTHER}/"},
            {"path": f"{HASH}/bar.txt", "as": "Documents/Bar.txt"},
        ],
    }


def test_a_list_is_written_of_lines(site: Path) -> None:
    lines = f"{HASH}/foo.txt\n\n{HASH}/day 1/море+.jpg\r\n{OTHER}/1.jpg\t1.jpg\n"
    assert written(site, lines=lines)["files"] == [
        {"path": f"{HASH}/foo.txt"},
        {"path": f"{HASH}/day 1/море+.jpg"},
        {"path": f"{OTHER}/1.jpg", "as": "1.jpg"},
    ]


@pytest.mark.parametrize(
    ("lines", "files"),
    [
        (  # as the module's own documentation has it
            """\
1034ab38 428    /foo.txt   My Document1.txt
83e8110b 100339 /bar.txt   My Other Document1.txt
""",
            [("foo.txt", "My Document1.txt"), ("bar.txt", "My Other Document1.txt")],
        ),
        (
            "- 3 /day%201/%D0%BC%D0%BE%D1%80%D0%B5%2B.jpg a/sea.jpg",
            [("day 1/море+.jpg", "a/sea.jpg")],
        ),
        ("1034AB38 3 /foo.txt?token=1 foo", [("foo.txt", "foo")]),
        ("- - /a+b.txt  x  y ", [("a b.txt", "x  y ")]),
        ("0        0  @directory empty/\n- 3 /foo.txt foo", [("foo.txt", "foo")]),
        ("- 3 foo.txt foo", [("foo.txt", "foo")]),
    ],
)
def test_a_list_is_written_of_a_manifest_of_mod_zip(
    site: Path, lines: str, files: list[tuple[str, str]]
) -> None:
    expected = [{"path": f"{HASH}/{path}", "as": name} for path, name in files]
    assert written(site, "--album", HASH, lines=lines)["files"] == expected


def test_locations_of_mod_zip_lose_what_only_the_web_server_knows(site: Path) -> None:
    lines = f"- 3 /internal/photos/{HASH}/foo.txt foo.txt"
    for prefix in ("/internal/photos/", "/internal/photos"):
        found = written(site, "--strip", prefix, lines=lines)
        assert found["files"] == [{"path": f"{HASH}/foo.txt", "as": "foo.txt"}]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (f"- 3 /{HASH}/Лето.txt Лето.txt".encode("cp1251"), "UTF-8"),
        (f"- 3 /{HASH}/%CB%E5.txt foo.txt".encode(), "UTF-8"),
        (f"- 3 /{HASH}/foo.txt foo.txt\nX-Archive-Files: zip".encode(), "X-Archive-Files: zip: "),
        (b"0 0 @directory empty/\n", "there is no path"),
        (b"", "there is no path"),
    ],
)
def test_lines_that_make_no_list_are_one_line(site: Path, lines: bytes, message: str) -> None:
    variables = {"PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(
        [sys.executable, "-m", "archive_service", "list", "write"],
        cwd=site,
        env=environment(variables),
        input=lines,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr.decode()


def test_a_written_list_is_an_archive_and_shows_what_it_holds(site: Path) -> None:
    done = run(site, "write", f"{HASH}/", f"{OTHER}/1.jpg\tфото.jpg", "--hash", "order-1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in (site / "lists").iterdir()] == ["order-1.json"]
    shown = run(site, "show", "order-1")
    assert (shown.returncode, shown.stderr) == (0, "")
    *lines, last = shown.stdout.splitlines()
    names = [line.split(maxsplit=1)[1] for line in lines]
    assert names == ["bar.txt", "day 1/море+.jpg", "foo.txt", "фото.jpg"]
    (site / "cache").mkdir()
    with serving(site / "photos", site / "cache", "--lists-dir", str(site / "lists")) as server:
        answer = get(server.port, "/archive/order-1/")
    assert ZipFile(BytesIO(answer.content)).namelist() == names
    assert last == f"files: 4, missing: 0, archive: {len(answer.content):,} bytes"


def test_a_list_is_saved_and_shown_by_its_file(site: Path) -> None:
    assert run(site, "write", f"{HASH}/foo.txt", "--save", str(site / "x.json")).returncode == 0
    shown = run(site, "show", "x.json")
    assert shown.returncode == 0
    assert "foo.txt" in shown.stdout


def test_options_may_stand_between_the_others(site: Path) -> None:
    paths = f"{HASH}/foo.txt", f"{HASH}/bar.txt"
    flags = ("--photos-dir", str(site / "photos"))
    done = run_command(("list", "write", *flags, paths[0], "--name", "A", paths[1]), site)
    assert done.returncode == 0, done.stderr
    assert [entry["path"] for entry in json.loads(done.stdout)["files"]] == list(paths)
    done = run_command(("list", "write", *flags, "--", *paths, "--name"), site)
    assert "--name" in done.stderr  # as a path, which is in no album


def test_what_is_missing_is_shown(site: Path) -> None:
    files = [{"path": f"{HASH}/{name}"} for name in ("foo.txt", "none.part", "none.jpg")]
    write_list(site / "lists", {"files": files}, "order-2")
    done = run(site, "show", "order-2")
    assert done.returncode == 1
    assert "files: 1, missing: 2" in done.stdout
    assert "order-2: none.part: is missing" in done.stderr
    assert "order-2: none.jpg: is missing" in done.stderr
    write_list(site / "lists", {"missing": "skip", "files": files}, "order-2")
    assert run(site, "show", "order-2").returncode == 0


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"{", "Invalid JSON"),
        ({"files": [{"path": f"{HASH}/x"}, {"path": "../x"}]}, "files[1]: path: is no path in an"),
        ({"files": [{"path": f"{HASH}/x", "as": 1}]}, "files[0]: as: Input should be a valid"),
    ],
)
def test_what_is_wrong_with_a_list_is_one_line(site: Path, document: object, message: str) -> None:
    write_list(site / "lists", document, "broken")
    done = run(site, "show", "broken")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr


@pytest.mark.parametrize("given", ["none", "none.json", "../x", "a/b.json", "x y"])
def test_a_list_that_is_not_there_is_one_line(site: Path, given: str) -> None:
    done = run(site, "show", given)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_hash_without_a_directory_of_lists_is_said_so(site: Path) -> None:
    done = run_command(("list", "show", "order-1"), site)
    assert (done.returncode, done.stdout) == (1, "")
    assert "LISTS_DIR is not set" in done.stderr


def test_a_list_that_would_be_broken_is_not_written(site: Path) -> None:
    done = run(site, "write", "../x", "--hash", "order-3")
    assert done.returncode == 2
    assert "../x: path: is no path in an album" in done.stderr
    assert not list((site / "lists").iterdir())
