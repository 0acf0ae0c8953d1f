"""Where settings come from, which source wins, and what stops the start."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from archive_service.archive.errors import SettingsError
from archive_service.config.environment import load_group
from archive_service.config.groups.format_settings import FormatSettings
from archive_service.config.setting_docs import docs_of, flag
from archive_service.config.settings import load_settings

pytestmark = pytest.mark.usefixtures("bare_environment")


def test_a_default_is_looked_up_only_where_it_counts(tmp_path: Path) -> None:
    code = """
import sys
from archive_service.cli.arguments import given_settings
from archive_service.cli.serve import parser
from archive_service.config.settings import Settings, load_settings

load_settings(given_settings(parser().parse_args(), Settings))
sys.exit("platformdirs" in sys.modules)
"""
    command = [sys.executable, "-c", code, "--photos-dir", str(tmp_path)]
    assert subprocess.run([*command, "--cache-dir", str(tmp_path)], check=False).returncode == 0
    assert subprocess.run(command, check=False).returncode == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("WORKERS", "0"),
        ("WORKERS", "65"),
        ("WORKERS", "1.5"),
        ("LEVEL", "loud"),
        ("DEBUG", "maybe"),
        ("DELAY", "nan"),
        ("DELAY", "-1"),
        ("STALL_TIMEOUT", "0"),
        ("SHUTDOWN_TIMEOUT", "inf"),
        ("PHOTOS_DIR", "does/not/exist"),
        ("TIMEZONE", "Mars/Olympus"),
        ("TIMEZONE", "../etc/passwd"),
        ("NAME_ENCODING", "klingon"),
        ("NAME_ENCODING", "utf-16"),
        ("NAME_ENCODING", "hex"),
        ("NAME_ENCODING", "idna"),
        ("NAME_ENCODING", "unicode_escape"),
        ("NAME_ENCODING", "raw_unicode_escape"),
        ("DOWNLOAD_NAME", "a/b.zip"),
        ("SIGNATURE_GRACE", "-1"),
        ("SIGNATURE_GRACE", "31536001"),
        ("SIGNATURE_GRACE", "1y"),
        ("SIGNATURE_GRACE", "0.5"),
        ("STALL_TIMEOUT", "2h"),
        ("STALL_TIMEOUT", "-1m"),
        ("STALL_TIMEOUT", "1e400"),
        ("SETTLE_TIME", "m"),
        ("S3_MEMORY", "15M"),
        ("RATE_LIMIT", "999"),
        ("RATE_LIMIT", "1T"),
    ],
)
def test_a_wrong_value_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings({})
    text = str(caught.value)
    assert text.startswith(f"{name} ({flag(name.lower())}): got {value!r}")
    assert ", takes " in text
    assert "\n" not in text


def test_a_file_that_is_not_text_is_told() -> None:
    Path(".env").write_bytes(b"PORT=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"\.env: takes UTF-8"):
        load_settings({})


@pytest.mark.parametrize("name", ["HOST", "CACHE_DIR", "PHOTOS_DIR", "TIMEZONE", "NAME_ENCODING"])
def test_a_nul_in_a_file_is_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name, raising=False)
    Path(".env").write_text(f"{name}=a\0b\n")
    with pytest.raises(SettingsError, match=rf"^{name} "):
        load_settings({})


@pytest.mark.parametrize(
    ("value", "patterns"), [("*.a, *.b", ("*.a", "*.b")), (",", ()), ("Thumbs.db", ("Thumbs.db",))]
)
def test_patterns_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch, value: str, patterns: tuple[str, ...]
) -> None:
    monkeypatch.setenv("EXCLUDE", value)
    assert load_settings({}).exclude == patterns


def test_the_level_is_read_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVEL", "WARNING")
    assert load_settings({}).level == "warning"


def test_packing_files_needs_no_directory_of_albums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOS_DIR", "/does/not/exist")
    assert load_group(FormatSettings, {"timezone": "Europe/Moscow"}).timezone == "Europe/Moscow"


KEY = "k3y-of-16-signs."


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("off", []),
        (" OFF ", []),
        (KEY, [KEY]),
        (f"{KEY},{KEY}2", [KEY, f"{KEY}2"]),
        (f" {KEY} , {KEY}2 ", [KEY, f"{KEY}2"]),
        ("+/=-_.~AZaz09+/=-", ["+/=-_.~AZaz09+/=-"]),
        ("k" * 256, ["k" * 256]),
    ],
)
def test_one_or_two_keys_sign_links(
    monkeypatch: pytest.MonkeyPatch, value: str, keys: list[str]
) -> None:
    monkeypatch.setenv("SIGNING_KEYS", value)
    assert [key.reveal() for key in load_settings({}).signing_keys] == keys


@pytest.mark.parametrize(
    "value",
    [
        KEY[:-1],
        f"{KEY},",
        f",{KEY}",
        ",",
        " ",
        f"{KEY},{KEY[:-1]}",
        f"{KEY},{KEY},{KEY}",
        f"{KEY} {KEY}",
        f"{KEY}$HOME",
        f'"{KEY}"',
        f"{KEY}\n{KEY}",
        f"{KEY}ключ",
        "k" * 257,
    ],
)
def test_a_wrong_key_is_told_without_showing_any(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SIGNING_KEYS", value)
    with pytest.raises(SettingsError) as caught:
        load_settings({})
    text = str(caught.value)
    assert text.startswith("SIGNING_KEYS: wrong value (")
    assert ", takes off, or one or two keys" in text
    assert "\n" not in text
    assert KEY[:6] not in text
    assert "--signing" not in text
    assert caught.value.__suppress_context__


def test_settings_are_printed_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEYS", KEY)
    settings = load_settings({})
    assert settings.signing_keys
    assert KEY not in f"{settings!r} {settings} {asdict(settings)}"


INDEX_URL = "redis://user:s3cret-pass@store.example/0?namespace=site"


def test_the_index_is_a_file_of_cache_dir_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings({}).index_url is None
    monkeypatch.setenv("INDEX_URL", "")
    assert load_settings({}).index_url is None


def test_settings_are_printed_without_the_index_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDEX_URL", INDEX_URL)
    settings = load_settings({})
    assert settings.index_url is not None
    assert settings.index_url.reveal() == INDEX_URL
    assert "s3cret-pass" not in f"{settings!r} {settings} {asdict(settings)}"


@pytest.mark.parametrize(
    "value", ["mysql://user:s3cret-pass@h/0", f"{INDEX_URL}&keep_days=x", f"{INDEX_URL}&unknown=1"]
)
def test_a_wrong_index_url_is_told_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("INDEX_URL", value)
    with pytest.raises(SettingsError) as caught:
        load_settings({})
    text = str(caught.value)
    assert text.startswith("INDEX_URL: wrong value (")
    assert "takes sqlite:///PATH" in text
    assert "s3cret-pass" not in text
    assert "--index-url" not in text
    assert "\n" not in text


@pytest.mark.parametrize("name", ["photos_dir", "cache_dir", "host", "monitor_host"])
def test_a_flag_without_a_value_is_refused(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: ""})
    assert flag(name) in str(caught.value)
    assert "empty" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "seconds"), [("90", 90), ("1.5m", 90), ("2h", 7200), ("1d", 86400), (" 7 ", 7)]
)
def test_a_time_may_have_a_unit(
    monkeypatch: pytest.MonkeyPatch, value: str, seconds: float
) -> None:
    monkeypatch.setenv("SHUTDOWN_TIMEOUT", value)
    assert load_settings({}).shutdown_timeout == seconds


@pytest.mark.parametrize(("value", "is_on"), [("on", True), ("Yes", True), ("0", False)])
def test_a_switch_is_read_by_its_usual_names(
    monkeypatch: pytest.MonkeyPatch, value: str, *, is_on: bool
) -> None:
    monkeypatch.setenv("DEBUG", value)
    assert load_settings({}).debug is is_on


@pytest.mark.parametrize("source", ["flag", "environment", "file", "default", "empty"])
def test_both_ways_of_reading_find_the_same(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    given = {"timezone": "Europe/Paris"} if source == "flag" else {}
    if source in ("flag", "environment"):
        monkeypatch.setenv("timezone", "Europe/Moscow")
        monkeypatch.setenv("Portable_Names", "off")
    if source == "empty":
        monkeypatch.setenv("TIMEZONE", "")
    if source != "default":
        Path(".env").write_text("TIMEZONE=Asia/Almaty\nNAME_ENCODING=cp866\n")
    lightly = load_group(FormatSettings, given)
    everything = asdict(load_settings(given))
    assert asdict(lightly) == {name: everything[name] for name in docs_of(FormatSettings)}
    zones = {"flag": "Europe/Paris", "environment": "Europe/Moscow", "default": "UTC"}
    assert lightly.timezone == zones.get(source, "Asia/Almaty")
