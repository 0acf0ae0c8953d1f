"""Whether a download of the soak has ended as it must."""

from __future__ import annotations

from campaign.evidence import entries_of
from campaign.flight import Flight
from campaign.stage import Stage


def judge_cut(stage: Stage, flight: Flight) -> None:
    """Raise AssertionError where nothing that was still to be sent has changed."""
    stage.counts["broken"] += 1
    if flight.server_was_killed:
        return
    if flight.files.may_end_at(len(flight.content)):
        stage.counts["broken by what has changed"] += 1
        return
    is_doubtful = flight.files.may_be_found_out_at(len(flight.content))
    was_found_out = is_doubtful and flight.beginning.etag != stage.tag(flight.beginning.target)
    assert was_found_out, f"broken without a reason: {_evidence(stage, flight)}"
    stage.counts["broken by what was found out"] += 1


def judge_complete(stage: Stage, flight: Flight) -> None:
    """Raise WrongBytes where a client takes for complete what its tag does not stand for."""
    stage.counts["complete"] += 1
    was, files = flight.beginning, flight.files
    if flight.content == was.archive[: files.stop]:
        if files.start == 0 and files.stop == len(was.archive):
            was.target.note_read(files.described.keys() - files.changed)
        return
    raise stage.wrong(was.target, flight.request, _evidence(stage, flight))


def _evidence(stage: Stage, flight: Flight) -> str:
    was, files, came = flight.beginning, flight.files, flight.content
    other = next((at for at, byte in enumerate(came) if byte != was.archive[at]), None)
    doubtful = sorted(name for name, state in files.described.items() if state.is_doubtful)
    lines = [
        f"{flight.request} {files.start}-{files.stop} of {was.etag}",
        f"changed: {sorted(files.changed)}, in place: {sorted(files.rewritten)}",
        f"doubtful: {doubtful}, first other byte at {other}",
        *entries_of(was.archive, len(came)),
        stage.evidence(was.target, flight.request),
    ]
    return "\n".join(lines)
