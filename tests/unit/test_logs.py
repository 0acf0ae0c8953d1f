"""What a line of the log looks like, and what it can't hold."""

from __future__ import annotations

import json
import logging

import pytest

from archive_service.archive.id import ArchiveId
from archive_service.config.log_setup import configure_logging
from archive_service.observe.events import DownloadStarted
from archive_service.observe.log import LogSink
from archive_service.observe.process_events import ServerStarted

pytestmark = pytest.mark.usefixtures("own_logging")

ARCHIVE = ArchiveId("3bea29ccabbbf64bdebcc055319c5745")
STARTED = DownloadStarted(
    ARCHIVE, status=200, first_pos=0, content_length=9, complete_length=9, entries=2
)


def test_an_event_is_one_json_object_where_that_is_the_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", "json")
    LogSink()(STARTED)
    (line,) = capsys.readouterr().err.splitlines()
    fields = json.loads(line)
    assert fields.pop("timestamp").endswith("Z")
    assert fields == {
        "level": "info",
        "event": "download.started",
        "archive": "3bea29…",
        "status": 200,
        "first_pos": 0,
        "content_length": 9,
        "complete_length": 9,
        "entries": 2,
    }
    assert "…" in line


def test_a_value_forges_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    LogSink()(ServerStarted('a\nlevel=error event="forged"', 1, "\r"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(r'host="a\nlevel=error event=\"forged\"" port=1 url="\r"')


def test_events_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning")
    log = logging.getLogger("archive_service")
    log.info("quiet")
    log.warning("loud")
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
