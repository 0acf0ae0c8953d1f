"""Asks the server under test and the oracle what an archive is, while files are uploaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from campaign.album import Album, Target, Upload
from campaign.beside_program import download_beside_program
from campaign.stage import Stage, link
from harness.http import request


class Described(NamedTuple):
    """The entity tag that the server gives, and the archive as it must be now."""

    etag: str
    archive: bytes


def describe(stage: Stage, target: Target) -> Described | None:
    """Describe a target; None where a file is uploaded, so that there need be no archive.

    The oracle is root, and may read what the server under test may not.  Its index has seen other
    states of the album, so a file may have another stamp there.
    """
    uploads = [album.upload for album in target.albums() if album.upload]
    if any(upload.may_be_whole() for upload in uploads):
        if isinstance(target, Album) and target.upload:
            download_beside_program(stage, target, target.upload)
        return None
    answer = request(stage.server.port, "HEAD", link(target))
    if target.albums()[0].upload:
        assert answer.status == 503, "half an upload"
    if answer.status == 503:
        _excuse(stage, target, uploads)
        return None
    assert answer.status == 200, f"{answer.status}: {stage.evidence(target)}"
    archive = stage.oracle.archive(stage.oracle.learn(target.name, target.contents_now()))
    stage.note(target, f"described as {answer['etag']}")
    return Described(answer["etag"], archive)


def _excuse(stage: Stage, target: Target, uploads: Sequence[Upload]) -> None:
    is_uploaded = uploads or any(album.has_gap() for album in target.albums())
    assert is_uploaded, f"nothing is uploaded: {stage.evidence(target)}"
    stage.counts["asked for while something is uploaded"] += 1
