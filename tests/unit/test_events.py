"""What happens is a value: each is logged, and no observer breaks another."""

from __future__ import annotations

import inspect

import pytest

from archive_service.archive.id import ArchiveId
from archive_service.config.log_setup import configure_logging
from archive_service.observe import events, index_events, process_events, storage_events
from archive_service.observe.fan_out import to_each
from archive_service.observe.log import LINES, LogSink

ARCHIVE = ArchiveId("3bea29ccabbbf64bdebcc055319c5745")
OTHER = ArchiveId("7kna29ccabbbf64bdebcc055319c5745")
NOT_LOGGED = {
    events.FirstByteSent,
    storage_events.HangingThreadsChanged,
    index_events.HashingBacklogChanged,
    index_events.IndexAheadBacklog,
}
"""They come with each file or request, and other lines say the same."""
STARTED = events.DownloadStarted(
    ARCHIVE, status=200, first_pos=0, content_length=9, complete_length=9, entries=2
)


def event_classes() -> set[type[events.Event]]:
    modules = (events, index_events, process_events, storage_events)
    found = [each for module in modules for each in vars(module).values()]
    classes = {each for each in found if inspect.isclass(each) and issubclass(each, events.Event)}
    return classes - {events.Event}


def test_every_event_has_a_line_or_needs_none() -> None:
    assert set(LINES) == event_classes() - NOT_LOGGED


def test_names_of_lines_differ() -> None:
    assert len({line.name for line in LINES.values()}) == len(LINES)


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            STARTED,
            (
                "info event=download.started archive=3bea29… status=200 first_pos=0 "
                "content_length=9 complete_length=9 entries=2"
            ),
        ),
        (
            events.DownloadResumed(ARCHIVE, 206, 4, 5, 9, 2),
            (
                "info event=download.resumed archive=3bea29… status=206 first_pos=4 "
                "content_length=5 complete_length=9 entries=2"
            ),
        ),
        (
            events.PieceSent(ARCHIVE, 4, 8, 9),
            "debug event=download.piece archive=3bea29… count=4 sent_bytes=8 content_length=9",
        ),
        (
            events.DownloadFinished(ARCHIVE, sent_bytes=9, duration_s=1.2346),
            "info event=download.finished archive=3bea29… sent_bytes=9 duration_ms=1235",
        ),
        (
            events.DownloadInterrupted(ARCHIVE, "client left", 4, 9, 0.5),
            (
                'info event=download.interrupted archive=3bea29… reason="client left" sent_bytes=4 '
                "content_length=9 duration_ms=500"
            ),
        ),
        (
            events.DownloadInterrupted(ARCHIVE, "resized", 4, 9, 0.5),
            (
                "warning event=download.interrupted archive=3bea29… reason=resized sent_bytes=4 "
                "content_length=9 duration_ms=500"
            ),
        ),
        (events.ArchiveMissing(None), "info event=archive.missing archive=malformed"),
        (
            events.LinkRefused(None, "expired"),
            "info event=link.refused archive=malformed reason=expired",
        ),
        (
            events.AnswerFailed(None, "EIO"),
            "error event=answer.failed archive= reason=EIO count=1",
        ),
        (
            storage_events.LinkSkipped(ARCHIVE, 7, "loop"),
            "info event=link.skipped archive=3bea29… inode=7 reason=loop",
        ),
        (events.RequestRefused("busy"), "warning event=request.refused reason=busy count=1"),
        (events.AnswerSlowed(), "warning event=answer.slowed count=1"),
        (index_events.IndexAheadScanning(), "info event=index_ahead.scanning"),
        (
            index_events.IndexAheadScanning("watch limit"),
            'warning event=index_ahead.scanning reason="watch limit"',
        ),
        (
            process_events.WorkerDied(1, signal="SIGKILL", next_in_s=0.1),
            "warning event=worker.died worker=1 signal=SIGKILL next_in_s=0.1",
        ),
    ],
)
def test_an_event_is_logged_with_its_fields(
    event: events.Event, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("debug")
    LogSink()(event)
    (logged,) = capsys.readouterr().err.splitlines()
    assert logged.partition(" level=")[2] == line
    fields = [word.partition("=")[0] for word in line.split(" ") if "=" in word][1:]
    assert set(fields) <= set(LINES[type(event)].field_names(type(event)))


@pytest.mark.usefixtures("own_logging")
def test_what_is_reached_again_and_again_is_logged_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info")
    log = LogSink()
    for reason in ("busy", "busy", "client busy", "busy"):
        log(events.RequestRefused(reason))
    logged = [line.partition(" reason=")[2] for line in capsys.readouterr().err.splitlines()]
    assert logged == ["busy count=1", '"client busy" count=1']


@pytest.mark.usefixtures("own_logging")
def test_an_album_that_fails_again_and_again_is_logged_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info")
    log = LogSink()
    for archive in (ARCHIVE, ARCHIVE, OTHER, ARCHIVE):
        log(events.AnswerFailed(archive, "EIO"))
    logged = [line.partition(" archive=")[2] for line in capsys.readouterr().err.splitlines()]
    assert logged == [f"{ARCHIVE} reason=EIO count=1", f"{OTHER} reason=EIO count=1"]


def broken(event: events.Event) -> None:
    raise ValueError(event)


def test_an_observer_that_fails_breaks_nothing_and_is_reported_once() -> None:
    before: list[events.Event] = []
    after: list[events.Event] = []
    observe = to_each(before.append, broken, after.append)
    observe(STARTED)
    observe(STARTED)
    of_event, of_report = before[1], before[2]
    assert before == [STARTED, of_event, of_report, STARTED]
    assert sorted(map(repr, after)) == sorted(map(repr, before))
    assert isinstance(of_event, process_events.ObserverFailed)
    assert isinstance(of_report, process_events.ObserverFailed)
    assert (of_event.observer, of_event.missed) == ("broken", "DownloadStarted")
    assert of_event.error == "ValueError"
    assert of_event.raised_at.startswith("test_events.py:")
    assert of_report.missed == "ObserverFailed"


@pytest.mark.usefixtures("own_logging")
def test_an_observer_that_fails_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")

    def fails_at_a_download(event: events.Event) -> None:
        if isinstance(event, events.DownloadStarted):
            raise KeyError("/secret")

    observe = to_each(fails_at_a_download, LogSink())
    observe(STARTED)
    observe(STARTED)
    failed, *lines = capsys.readouterr().err.splitlines()
    assert "level=error event=observer.failed observer=fails_at_a_download " in failed
    assert "missed=DownloadStarted error=KeyError raised_at=test_events.py:" in failed
    assert "secret" not in failed
    assert ["event=download.started" in line for line in lines] == [True, True]
