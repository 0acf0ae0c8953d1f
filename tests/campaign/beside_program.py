"""A download of an album into which a program uploads, judged whatever comes of it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from campaign.album import Album, Upload
from campaign.layout import ends_of
from campaign.stage import Stage, link
from harness.http import connected
from harness.oracle import contents_of, received

Contents = Mapping[str, bytes]


@dataclass(frozen=True)
class Answer:
    """What a client was answered in one go."""

    request_id: str
    status: int
    etag: str
    content_length: int
    content: bytes


def download_beside_program(stage: Stage, album: Album, upload: Upload) -> None:
    """Download an album; raise AssertionError where the answer is not as it must be."""
    may_be: list[Contents] = [{**album.contents, upload.name: upload.data}]
    if upload.may_be_missing():
        may_be.append(album.contents)
    before = _state(album, upload)
    answer = _downloaded(stage, album)
    if answer.status == 503:
        stage.counts["asked for while a program uploads"] += 1
        return
    assert answer.status == 200, answer.status
    if len(answer.content) == answer.content_length:
        _judge_complete(stage, album, answer, may_be)
        return
    reason = _reason_of_cut(stage, album, answer, before)
    assert reason, f"cut beside an upload: {stage.evidence(album, answer.request_id)}"
    stage.counts[f"broken while a program uploads: {reason}"] += 1


def _downloaded(stage: Stage, album: Album) -> Answer:
    stage.counts["downloads"] += 1
    request_id = f"soak-{stage.counts['downloads']}"
    with connected(stage.server.port) as connection:
        connection.send("GET", link(album), f"X-Request-ID: {request_id}")
        status, lines = connection.receive_head()
        fields = dict(lines)
        length = int(fields["content-length"])
        content, _ = received(connection, length)
    return Answer(request_id, status, fields.get("etag", ""), length, content)


def _judge_complete(stage: Stage, album: Album, answer: Answer, may_be: Sequence[Contents]) -> None:
    stage.counts["complete while a program uploads"] += 1
    try:
        found = contents_of(answer.content)
    except zipfile.BadZipFile:
        found = {}
    if found not in may_be or stage.bind(answer.etag, answer.content) != answer.content:
        lines = [f"{answer.request_id} is in no state of the album", _sizes(found)]
        lines += [f"may be: {_sizes(each)}" for each in may_be]
        lines += [f"other: {[n for n in found if found[n] != each.get(n)]}" for each in may_be]
        raise stage.wrong(album, answer.request_id, *lines)


def _reason_of_cut(
    stage: Stage, album: Album, answer: Answer, before: tuple[int, int, int] | None
) -> str | None:
    """Return why the download may have been cut where it was, by a file that was to come."""
    upload = album.upload
    assert upload
    sent = album.contents
    if answer.content_length > sum(map(len, sent.values())) + len(upload.data) // 2:
        sent = {**sent, upload.name: upload.data}
    to_come = {name for name, end in ends_of(sent).items() if len(answer.content) <= end}
    if album.unreadable & to_come:
        return "a file may not be read"
    if upload.name in to_come and _state(album, upload) != before:
        return "its program has changed the file"
    if _doubtful(album) & to_come and stage.tag(album) != answer.etag:
        return "a file was found out"
    return None


def _doubtful(album: Album) -> AbstractSet[str]:
    return {name for name, state in album.states().items() if state.is_doubtful}


def _state(album: Album, upload: Upload) -> tuple[int, int, int] | None:
    try:
        status = (album.path / upload.name).stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _sizes(contents: Contents) -> str:
    return ", ".join(f"{name} {len(data)}" for name, data in sorted(contents.items()))
