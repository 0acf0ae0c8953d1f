"""Where settings come from, who beats whom, and what a wrong value is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive_service.archive.errors import SettingsError
from archive_service.config.format_settings import FORMAT, Format, flag, may_be_set, variable
from archive_service.config.settings import (
    Settings,
    load_format_settings,
    load_settings,
    load_signing_settings,
)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)
    monkeypatch.setenv("PHOTOS_DIR", str(tmp_path))


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings({}).port == 8080
    Path(".env").write_text("PORT=1001\n")
    assert load_settings({}).port == 1001
    monkeypatch.setenv("PORT", "1002")
    assert load_settings({}).port == 1002
    assert load_settings({"port": "1003"}).port == 1003


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    assert load_settings({}).port == 8080


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
        ("SIGNATURE_GRACE", "1d"),
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
    monkeypatch.setenv("PHOTOS_DIR", "does/not/exist")
    assert load_format_settings({"timezone": "Europe/Moscow"}).timezone == "Europe/Moscow"


KEY = "k3y-of-16-signs."


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("", []),
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
    for settings in (load_settings({}), load_signing_settings()):
        assert [key.get_secret_value() for key in settings.signing_keys] == keys


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
    for load in (lambda: load_settings({}), load_signing_settings):
        with pytest.raises(SettingsError) as caught:
            load()
        text = str(caught.value)
        assert text.startswith("SIGNING_KEYS: got what it can't take (")
        assert ", takes one or two keys" in text
        assert "\n" not in text
        assert KEY[:6] not in text
        assert "--signing" not in text
        assert caught.value.__suppress_context__


def test_settings_are_printed_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEYS", KEY)
    for settings in (load_settings({}), load_signing_settings()):
        assert settings.signing_keys
        assert KEY not in f"{settings!r} {settings} {settings.model_dump()}"


INDEX_URL = "redis://user:s3cret-pass@store.example/0?namespace=site"


def test_the_index_is_a_file_of_cache_dir_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings({}).index_url is None
    monkeypatch.setenv("INDEX_URL", "")
    assert load_settings({}).index_url is None


def test_settings_are_printed_without_the_index_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDEX_URL", INDEX_URL)
    settings = load_settings({})
    assert settings.index_url is not None
    assert settings.index_url.get_secret_value() == INDEX_URL
    assert "s3cret-pass" not in f"{settings!r} {settings} {settings.model_dump()}"


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
    assert text.startswith("INDEX_URL: got what it can't take (")
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


def test_the_defaults_of_the_format_need_no_reading() -> None:
    assert not may_be_set()
    assert dict(load_format_settings({})) == Format()._asdict()
    assert set(FORMAT) == set(Format._fields)


@pytest.mark.parametrize("name", ["TIMEZONE", "timezone", "Portable_Names"])
def test_the_environment_may_set_the_format(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "off" if name == "Portable_Names" else "Europe/Moscow")
    assert may_be_set()
    assert dict(load_format_settings({})) != Format()._asdict()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_file_may_set_the_format(tmp_path: Path, *, is_there: bool) -> None:
    (tmp_path / ".env").symlink_to("elsewhere")
    if is_there:
        (tmp_path / "elsewhere").write_text("TIMEZONE=Europe/Moscow")
    assert may_be_set()
