"""Any text as a setting, from any source, is a usable value or one line that names the setting.

Never a traceback.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archive_service.archive.errors import SettingsError
from archive_service.archive.naming import archive_names
from archive_service.config.build import archive_options
from archive_service.config.setting_docs import docs_of, variable
from archive_service.config.settings import Settings, load_settings
from archive_service.http.content_disposition import content_disposition
from archive_service.storage.excluded_names import Exclusion

VARIABLES = [variable(name) for name in docs_of(Settings)]
BOUNDED = settings(max_examples=40)

# What a variable can hold: no NUL, and bytes that are no UTF-8 as surrogates.
texts = st.binary(max_size=60).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"")))
near_values = st.sampled_from(
    [
        *("0", "1", "-1", "1e3", "1_0", " 7 ", "٣", "9" * 5000, "nan", "inf", "-0.0", "0x10", "1."),
        *("true", "OFF", "yes", "t", "None", "null", "[]", "{}", '"', "'"),
        *("/", ".", "..", "~", "~nobody-at-all", "~root", "/etc/passwd", "/proc/self/fd/0"),
        *("UTC", "Europe/Moscow", "Europe", "../UTC", "/etc/localtime", "zone.tab", "tzdata.zi"),
        *("a" * 300, "a/" * 3000, "utf-8", "cp1251", "idna", "punycode", "unicode_escape"),
        *("raw_unicode_escape", "rot13", "hex", "zlib", "mbcs", "undefined", "utf_7", "hz"),
        *("*,[", "[z-a]", "[!", "(?i)", "\\", "**,?,[]]", ",", "x" * 200),
        *("5s", "1e400d", "-1m", "infd", "nanh", "1K", "0.5g", "\u212a", "m", "off,off"),
    ]
)
lines = st.builds(
    "{}{}{}{}".format,
    st.sampled_from([*VARIABLES, "OTHER", "export PORT", ""]),
    st.sampled_from(["=", " = ", ":", "", "=="]),
    near_values | st.text(max_size=20) | st.sampled_from(['"', "'", "${PORT}", "${", "\\x00"]),
    st.sampled_from(["\n", "\r\n", "", " # a comment\n", '"\n']),
)
ENV_FILES = st.one_of(
    st.binary(max_size=200),
    st.lists(lines, max_size=6).map(lambda found: "".join(found).encode("utf-8", "surrogatepass")),
)


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory, and no settings but those of the test."""
    place = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        yield place


def good_or_told(load: Callable[[], Settings]) -> None:
    try:
        found = load()
    except SettingsError as error:
        told = str(error)
    else:
        assert_usable(found)
        return
    assert told
    assert "\n" not in told


def assert_usable(found: Settings) -> None:
    assert 0 <= found.port <= 65535
    # An absolute path may be mounted later.
    assert found.photos_dir.is_dir() or found.photos_dir.is_absolute()
    assert content_disposition(found.download_name).isprintable()
    Exclusion(found.exclude).matches("1.jpg")
    os.fsencode(found.cache_dir)
    assert b"\0" not in os.fsencode(found.cache_dir)
    assert "\0" not in found.host
    options = archive_options(replace(found, cache_dir=Path("cache")))
    assert archive_names([b"\xff.jpg", b"a"], options.names)


@settings(max_examples=200)
@given(ENV_FILES)
@example(b"HOST=\0\n")
@example(b"CACHE_DIR=a\0b\n")
@example(b"PHOTOS_DIR=a\0b\n")
@example(b"TIMEZONE=\0\n")
@example(b"TIMEZONE=" + b"a/" * 3000 + b"\n")
@example(b"NAME_ENCODING=\0\n")
@example(b"\xef\xbb\xbfPORT=1\n")
@example(b"SIGNING_KEYS\n")
@example(b"SIGNING_KEY=\n")
def test_any_file_of_settings_is_good_or_told(content: bytes) -> None:
    Path(".env").write_bytes(content)
    try:
        good_or_told(lambda: load_settings({}))
    finally:
        Path(".env").unlink()


@pytest.mark.parametrize("name", sorted(docs_of(Settings)))
def test_any_value_of_a_variable_is_good_or_told(name: str) -> None:
    @BOUNDED
    @given(near_values | texts)
    def try_value(value: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(variable(name), value)
            good_or_told(lambda: load_settings({}))

    try_value()


@pytest.mark.parametrize("name", sorted(docs_of(Settings)))
def test_any_value_of_a_flag_is_good_or_told(name: str) -> None:
    @BOUNDED
    @given(near_values | texts)
    def try_value(value: str) -> None:
        good_or_told(lambda: load_settings({name: value}))

    try_value()
