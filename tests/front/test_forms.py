"""Forms of chosen pictures through each front web server, by curl and by Chromium."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from front.client import curl
from front.conftest import Site
from front.fronts import Front
from front.place import HOST
from harness.albums import make_album, settle
from harness.chromium import started_chromium

from archive_service.web.form import MAX_FORM_BYTES
from archive_service.web.selection_links import MAX_LOCATION_BYTES

pytestmark = pytest.mark.front

FORMS = "a" * 32
TARGET = f"/archive/{FORMS}/"
DIRECTORIES = [f"{number} {'Отпуск' * 16}/" for number in range(10)]
"""Names of some hundred letters, which are six hundred bytes in a link and in a form."""
NAMES = [f"{directory}{number:03}.jpg" for directory in DIRECTORIES for number in range(1000)]
COOKIES = {f"name{number}": "c" * 4_000 for number in range(3)}
"""Of the site, of analytics and of a sign-on: as large as browsers store them."""


@pytest.fixture
def album(site: Site) -> None:
    """An album of ten thousand files."""
    if not (site.photos_dir / FORMS).exists():
        settle(make_album(site.photos_dir, dict.fromkeys(NAMES, b"x"), FORMS))


def chosen(count: int) -> list[str]:
    """Choose without any order that a link could make use of."""
    return sorted(random.Random(0).sample(NAMES, count))


def names_in(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize("version", ["--http2", "--http1.1"])
def test_form_and_the_link_it_leads_to_may_be_as_long_as_the_service_lets_them(
    version: str, front: Front, tmp_path: Path
) -> None:
    """The longest link comes of a link with names, which stay in it."""
    link = f"{TARGET}?{urlencode([('file', each) for each in DIRECTORIES], quote_via=quote)}"
    names = chosen(5_000)
    form, archive = tmp_path / "form", tmp_path / "chosen.zip"
    form.write_text(urlencode([("file", each) for each in names]))
    assert MAX_FORM_BYTES / 2 < form.stat().st_size < MAX_FORM_BYTES
    cookies = "; ".join(f"{name}={value}" for name, value in COOKIES.items())
    done = curl(
        front, link, version, "-L", "-b", cookies, "-e", f"https://{HOST}/{'p' * 3000}",
        "--data-binary", f"@{form}", "-o", str(archive), "-w", "%{http_code} %{url_effective}",
    )  # fmt: skip
    status, _, url = done.stdout.partition(" ")
    assert status == "200", done.stdout[:1000]
    assert MAX_LOCATION_BYTES - 500 < len(url.partition(f":{front.port}")[2]) <= MAX_LOCATION_BYTES
    assert names_in(archive) == names


@contextmanager
def browser_form(front: Front, names: list[str], directory: Path) -> Iterator[Path]:
    """Have Chromium send a form of ticked boxes with the site's cookies; yield its download."""
    flags = (
        f"--host-resolver-rules=MAP {HOST} 127.0.0.1",
        "--ignore-certificate-errors",
    )
    origin = f"https://{HOST}:{front.port}"
    boxes = "".join(
        f'<input type="checkbox" name="file" checked value="{escape(name)}">' for name in names
    )
    with started_chromium(directory, *flags) as chromium:
        same = {"url": origin, "secure": True, "sameSite": "None"}
        chromium.context.add_cookies(
            [{"name": name, "value": value, **same} for name, value in COOKIES.items()]
        )
        page = chromium.context.new_page()
        page.set_content(f'<form method="post" action="{origin}{TARGET}">{boxes}<button>')
        page.locator("button").click(no_wait_after=True)
        chromium.finished("archive.zip")
        yield directory / "downloads" / "archive.zip"


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize("count", [400, 5_000])
def test_browser_sends_a_form_and_saves_what_was_chosen(
    count: int, front: Front, tmp_path: Path
) -> None:
    names = chosen(count)
    with browser_form(front, names, tmp_path) as archive:
        assert names_in(archive) == names
