"""The moment at which format settings took effect is stored."""

from __future__ import annotations

from pathlib import Path

from archive_service.config.config_epoch import config_epoch_s


def test_a_configuration_is_in_force_since_it_was_first_seen(tmp_path: Path) -> None:
    record = tmp_path / "cache" / "shape"
    assert config_epoch_s(record, "one", now_s=100) == 100
    assert config_epoch_s(record, "one", now_s=200) == 100


def test_another_configuration_begins_anew_and_so_does_the_first_when_it_returns(
    tmp_path: Path,
) -> None:
    record = tmp_path / "shape"
    config_epoch_s(record, "one", now_s=100)
    assert config_epoch_s(record, "two", now_s=200) == 200
    assert config_epoch_s(record, "one", now_s=300) == 300


def test_a_spoilt_record_is_written_anew(tmp_path: Path) -> None:
    record = tmp_path / "shape"
    record.write_bytes(b"one\xff")
    assert config_epoch_s(record, "one", now_s=100) == 100
    assert config_epoch_s(record, "one", now_s=200) == 100


def test_nothing_is_known_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert config_epoch_s(tmp_path / "file" / "shape", "one", now_s=100) is None
