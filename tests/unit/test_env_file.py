"""Mistakes in `.env` and in the environment that stop the start, and names that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive_service.archive.errors import SettingsError
from archive_service.config.environment import load_group
from archive_service.config.setting_docs import docs_of, groups_of, variable
from archive_service.config.settings import Settings, load_settings

pytestmark = pytest.mark.usefixtures("bare_environment")
KEY = "k3y-of-16-signs."


@pytest.mark.parametrize(
    ("environment", "file"),
    [("", None), (None, "SIGNING_KEYS="), (None, "SIGNING_KEYS"), ("", f"SIGNING_KEYS={KEY}")],
)
def test_empty_keys_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, environment: str | None, file: str | None
) -> None:
    if environment is not None:
        monkeypatch.setenv("SIGNING_KEYS", environment)
    if file is not None:
        Path(".env").write_text(f"{file}\n")
    with pytest.raises(SettingsError, match=r"^SIGNING_KEYS: is set, but empty\. Set it to"):
        load_settings({})


def test_a_key_of_the_environment_beats_an_empty_one_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("SIGNING_KEYS=\n")
    monkeypatch.setenv("SIGNING_KEYS", KEY)
    assert load_settings({}).signing_keys


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("SIGNING_KEY", "SIGNING_KEYS"),
        ("SIGN_KEYS", "SIGNING_KEYS"),
        ("signing_key", "SIGNING_KEYS"),
        ("export SIGNINGKEYS", "SIGNING_KEYS"),
        ("PHOTO_DIR", "PHOTOS_DIR"),
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("STAL_TIMEOUT", "STALL_TIMEOUT"),
        ("TIME_ZONE", "TIMEZONE"),
        ("WORKER", "WORKERS"),
    ],
)
def test_a_misspelt_name_in_the_file_is_named(written: str, meant: str) -> None:
    Path(".env").write_text(f"{written}=1\n")
    with pytest.raises(SettingsError) as caught:
        load_settings({})
    assert str(caught.value).startswith(f".env: '{written.rpartition(' ')[2]}' is no setting")
    assert f"is it {meant}?" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        *("RUN_AS", "EXTRAS", "ALBUMS", "LISTEN", "AWS_REGION", "OTEL_SERVICE_NAME", "TZ"),
        *("DB_HOST", "DB_PORT", "HOST2", "PORT1", "LOG_LEVEL", "JWT_SIGNING_KEY", "SECRET_KEY"),
        *("TRUSTED_HOSTS", "RATE_LIMIT_PER_MINUTE", "TIMEOUT", "RELAY", "POST", "HOSTNAME"),
    ],
)
def test_a_name_of_another_program_is_ignored(name: str) -> None:
    without = load_settings({})
    Path(".env").write_text(f"{name}=1\n")
    assert load_settings({}) == without


def test_a_misspelt_name_in_the_environment_may_be_of_another_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIGNING_KEY", KEY)
    assert load_settings({}).signing_keys == ()


def test_no_setting_is_taken_for_another_misspelt() -> None:
    lines = "".join(
        f"{variable(name)}={doc.example or doc.default_text}\n"
        for name, doc in docs_of(Settings).items()
        if name != "photos_dir"
    )
    Path(".env").write_text(lines)
    for group in groups_of(Settings):
        assert load_group(group, {})
    assert load_settings({})


def test_a_byte_order_mark_hides_no_setting() -> None:
    Path(".env").write_text("PORT=1001\n", encoding="utf-8-sig")
    assert load_settings({}).port == 1001
