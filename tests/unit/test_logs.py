"""What a line of the log looks like, and what it can't hold."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from archive_service.config.log_setup import configure_logging


@pytest.fixture(autouse=True)
def _own_configuration() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _log() -> structlog.stdlib.BoundLogger:
    log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("archive_service")
    return log


def test_an_event_is_one_line_with_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    _log().info("download.started", archive="3bea29…", status=200)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("timestamp=")
    assert line.endswith("level=info event=download.started archive=3bea29… status=200")


def test_an_event_is_one_json_object_where_that_is_the_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", "json")
    _log().info("download.started", archive="3bea29…", status=200)
    (line,) = capsys.readouterr().err.splitlines()
    fields = json.loads(line)
    assert fields.pop("timestamp").endswith("Z")
    assert fields == {
        "level": "info",
        "event": "download.started",
        "archive": "3bea29…",
        "status": 200,
    }
    assert "…" in line


def test_a_value_forges_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    _log().info("x", value='a\nlevel=error event="forged"')
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_events_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning")
    _log().info("quiet")
    _log().warning("loud")
    assert [line.split()[2] for line in capsys.readouterr().err.splitlines()] == ["event=loud"]


def test_an_exception_of_a_library_tells_its_kind_and_no_path(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info")
    try:
        open("/secret/album/1.jpg")  # noqa: SIM115
    except OSError:
        logging.getLogger("aiohttp.server").exception("Error handling request\nfuture: /secret")
    (line,) = capsys.readouterr().err.splitlines()
    assert "secret" not in line
    assert "error=FileNotFoundError raised_at=test_logs.py:" in line


def test_an_exception_of_our_own_tells_its_kind_and_no_path(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info")
    try:
        open("/secret/album/1.jpg")  # noqa: SIM115
    except OSError:
        _log().exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "secret" not in line
    assert "event=failed error=FileNotFoundError raised_at=test_logs.py:" in line
